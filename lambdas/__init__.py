"""One folder a function; each handler is thin: event in, load, call the library, store and emit."""
