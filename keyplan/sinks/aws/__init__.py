"""The sinks `aws-secrets-manager` and `aws-ssm`, and what they share of AWS."""
