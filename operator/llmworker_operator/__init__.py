"""The operator: an `LLMWorker` in, a Deployment, a Service and a status out."""
