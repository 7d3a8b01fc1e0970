"""`watchkeeper demo`: the whole loop on the embedded AWS, told in acts."""
