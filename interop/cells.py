"""Cells: named checks, counted, with named exceptions.

UNSUPPORTED operations, which a peer does not offer, are not run. DEFECTS, which a peer refuses or performs wrongly, are run and
must fail: remove the line when the SDK is fixed. A pattern that names no cell is an error, and so is another number of cells.
"""

import collections
import fnmatch
import subprocess


class Cells:
    def __init__(self, title, unsupported, defects, expected):
        self.title, self.unsupported, self.defects, self.expected = title, unsupported, defects, expected
        self.counts = collections.Counter()  # run, by the first part of the label; defects apart
        self.exceptions = collections.Counter()  # by pattern
        self.passed = []  # labels
        self.failed = []  # labels

    def cell(self, label, body):
        patterns = [*self.unsupported, *self.defects]
        exception = next((pattern for pattern in patterns if fnmatch.fnmatchcase(label, pattern)), None)
        if exception:
            self.exceptions[exception] += 1
        if exception in self.unsupported:
            return
        self.counts["defects" if exception else label.split("/")[0]] += 1
        try:
            body()
        except Exception as error:  # any exception of a peer is that cell's result
            wrong = None if exception else explain(error)
        else:
            wrong = f"works, although DEFECTS says: {self.defects[exception]}" if exception else None
        if wrong:
            self.failed.append(label)
            print(f"FAILED {label}: {wrong}")
        elif not exception:
            self.passed.append(label)

    def complaints(self):
        """Messages about faults other than failed cells."""
        patterns = [*self.unsupported, *self.defects]
        complaints = [f"{pattern} names no cell" for pattern in patterns if not self.exceptions[pattern]]
        found = dict(self.counts)
        unsupported = sum(self.exceptions[pattern] for pattern in self.unsupported)
        if unsupported:
            found["unsupported"] = unsupported
        if found != self.expected:
            complaints.append(f"the number of cells is {found}, not {self.expected}")
        return complaints

    def report(self):
        """Prints the result; true when all cells are there and none has failed."""
        for kind, patterns in (("not run", self.unsupported), ("fails as it should", self.defects)):
            for pattern, reason in patterns.items():
                print(f"{kind}: {self.exceptions[pattern]:2} of {pattern}: {reason}")
        complaints = self.complaints()
        for complaint in complaints:
            print(f"{self.title}: {complaint}")
        print(f"{self.title}: {self.counts.total()} cells, {len(self.failed)} failed")
        return not complaints and not self.failed


def explain(error):
    if isinstance(error, subprocess.CalledProcessError):
        said = " | ".join(error.stderr.decode(errors="replace").split("\n")).strip(" |")
        return f"{' '.join(map(str, error.cmd[3:]))}: exit code {error.returncode}: {said[-400:]}"
    return f"{type(error).__name__}: {error}"


def ramp(size):
    """Byte i is i mod 251, so that a wrong offset shows."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def same(got, want):
    """Raises with the first difference."""
    if got == want:
        return
    at = next((at for at, (a, b) in enumerate(zip(got, want, strict=False)) if a != b), min(len(got), len(want)))
    raise AssertionError(f"{len(got)} bytes for {len(want)}, different from byte {at} on")
