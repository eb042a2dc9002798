"""How a reconcile can end other than well, told by what happens next."""


class Outcome(Exception):
    """A reason in CamelCase, and a sentence for the person who reads the status."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Stalled(Outcome):
    """A person must act: nothing is tried again until the resource changes."""


class Paused(Outcome):
    """A person wants nothing to be done; what runs goes on."""


class Waiting(Outcome):
    """It will be tried again by itself, ever less often."""
