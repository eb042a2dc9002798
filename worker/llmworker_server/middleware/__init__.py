"""Pure ASGI middleware that vLLM's server loads by its `--middleware` flag.

It runs in the engine's serving process, whatever release that is, so it imports nothing but the contract.
"""
