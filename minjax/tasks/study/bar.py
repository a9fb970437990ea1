"""What a user sees of a study: how many members are done, the best guess of the minimal size, the time left."""

from __future__ import annotations

from minjax.tasks.console import Progress


class Bar(Progress):
    """Counts in predicted seconds, since a large network takes a thousand times as long as a small one.

    Args:
        members: to be trained, as far as is known.
        work: predicted seconds for them.
        done: members already trained, whose work is not in `work`.
    """

    def __init__(self, members: int, work: float, done: int):
        self.members, self.trained, self._guess = members, done, ""
        super().__init__(work)

    def describe(self, label: str = "", status: str = "") -> None:
        """Show the count of members and the guess, whatever is given."""
        super().describe(f"{self.trained}/{self.members} members", self._guess)

    def grow(self, members: int, work: float) -> None:
        """Add members that are to be trained too, with the seconds predicted for them."""
        self.members += members
        self.extend(work)
        self.describe()

    def work(self, seconds: float) -> None:
        """Count some of the predicted seconds as worked."""
        self.advance(seconds)

    def through(self, members: int, guess: str) -> None:
        """Count members as done; `guess` is what the records say by now."""
        self.trained += members
        self._guess = guess
        self.describe()
