"""The worker: supervises vLLM's own OpenAI server as a child process and tells Kubernetes how it is.

The parent imports neither vllm nor torch, so that it answers from the first second and survives its engine.
"""
