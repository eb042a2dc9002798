"""What is wrong with what a worker was told: said once, in the environment's words or in the resource's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one variable, or with one field of the resource."""

    variable: str
    """The variable; in a resource, the field's path."""
    message: str
    """What is allowed, what was given, what to do. Never holds the value of a secret."""

    def __str__(self) -> str:
        return f"{self.variable}: {self.message}"


class BadEnvironment(ValueError):
    """The environment cannot be understood; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
