"""The one part of the library that knows AWS: small ports over S3, DynamoDB, SageMaker and the metric log."""
