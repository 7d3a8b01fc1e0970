"""Spark jobs of one model, as thin as its functions: they run what Glue ships, and read and write S3 with boto3."""
