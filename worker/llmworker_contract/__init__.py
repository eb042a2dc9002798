"""What may be said to a worker: its settings, their spellings, and the engines that honour them.

Imports pydantic and the standard library only, so that the operator, the worker and the command line share it.
"""
