"""docs/interop.md, made of a run's results: the same run makes the same page."""

import collections
import importlib.metadata
import itertools

import access
import sdk_tests
import sealed

HEAD = """\
# Live interoperability

Made by `interop/run.sh`, which is part of `scripts/check.sh` and fails when a run would make another page than this one. All requests go to `osseal serve` on this machine.

| peer | version |
|---|---|
{peers}

The server has long-lived credentials, or temporary ones with a security token. It is addressed by path (`http://127.0.0.1:…/bucket/key`) and by virtual host: `bucket.oss-cn-hangzhou.aliyuncs.com`,
the service's own name, which leads to this machine inside the run.
"""

MATRIX = """\
## Encrypted objects

Every peer writes with AES/CTR, the suite of the official SDKs, every peer reads: `osseal`, `oss2`, `alibabacloud-oss-v2`. A cell is one writer, one reader and one case. {total} cells, {failed} failed.

| group | cells | about |
|---|---|---|
{rows}
"""

ABOUT = {
    "size": "sizes around blocks and parts, in one request and in parts",
    "key": "paddings and material descriptions",
    "range": "ranges of objects written whole and in parts",
    "stream": "from standard input, to standard output",
    "managed": "the SDKs' transfer managers",
    "stored": "what osseal stores, to the letter of docs/format.md",
    "stat": "what `osseal stat` says of everybody's objects",
    "refuse": "what osseal must not open",
    "control": "a flipped bit, which the comparison has to notice",
    "defects": "what an SDK does wrongly, below: run, and has to fail",
    "unsupported": "what an SDK has no way to do, below: not run",
}

SEALED = """\
## Sealed objects

osseal writes with the sealed suite and wraps by RSA with OAEP (SHA-256 and SHA-1) and by AES key wrap. A cell is one object and one way to read it. {total} cells, {failed} failed.

| group | cells | about |
|---|---|---|
{rows}

The official SDKs raise before they hand out a byte, whatever wraps the data key, whichever provider of keys they use, and asked for the whole object, for a range ({ranges}) and through
their transfer managers:

| SDK | raises | its transfer manager raises | says |
|---|---|---|---|
{refusals}
"""

ABOUT_SEALED = {
    "read": "sizes around chunks and parts, and every key",
    "range": "ranges of objects written whole and in parts",
    "outside": "ranges past the end: refused, with the size that the last chunk proves",
    "stored": "what osseal stores, to the letter of docs/format.md, opened by the module `cobblestone` of the Python package `cryptography`",
    "copy": "copies that `oss2` has the service make: opened where what is bound holds, refused elsewhere unless `--allow-moved` is said",
    "refuse": "what the official SDKs must not read, below",
    "control": "the same SDKs read AES/CTR with the same keys; osseal refuses AES/CTR, and a flipped bit in what takes its chunk",
}

ACCESS = """\
## Ways in

Each SDK with both versions of signatures, both ways of addressing and both kinds of credentials: {operations}. {total} cells, {failed} failed. A cell of the
table is how many have passed of how many.

| SDK | signature | addressing | credentials | {groups} |
|---|---|---|---|{line}|
{rows}
"""

EXCEPTIONS = """\
## Exceptions

Cells that match a pattern are run and have to fail (defect), or are not run (unsupported).

| cells | how many | kind | why |
|---|---|---|---|
{rows}
"""

TESTS = """\
## The SDKs' own tests

* `alibabacloud-oss-v2`: the package index has a wheel of this version and no source distribution; neither it nor the last source distribution (1.2.0) carries tests.
* `oss2`: the source distribution carries {all} test modules. Those about objects, parts, lists, names, signatures and encryption are run as they are, by virtual host, with signatures of
  version 1 and version 4 in turn, those about whole transfers with version 4 alone. Where they draw lots between RSA and the vendor's key service they get RSA. Tests clean up their buckets by calls that the server does not have (live channels); that is left out. The other modules are about configurations of
  buckets and other services of the vendor, or answer themselves, and are not run. {races} tests pass or fail by chance and are not counted: some
  of downloads read a record while another of their threads writes it, and two want a connection on this machine to take longer than a millisecond.

Some draw lots and ask for a call that the server does not have in one run and not in the next; so the table counts what is run, and what does not pass for another reason.

| module | run | not passed for another reason |
|---|---|---|
{rows}

| not passed for another reason | how many | why |
|---|---|---|
{reasons}
"""


def text(matrix, sealed_cells, ways, tests):
    parts = [
        HEAD.format(peers="\n".join(f"| `{name}` | {version} |" for name, version in versions())),
        MATRIX.format(total=matrix.counts.total(), failed=len(matrix.failed), rows=group_rows(matrix, ABOUT)),
        sealed_part(sealed_cells),
        access_part(ways),
        EXCEPTIONS.format(rows=exception_rows(matrix, ways)),
        TESTS.format(all=tests.modules_carried, races=len(sdk_tests.RACES), rows=test_rows(tests), reasons=reason_rows(tests)),
    ]
    return "\n".join(parts)


def versions():
    return [(name, importlib.metadata.version(name)) for name in ("oss2", "alibabacloud-oss-v2")]


def group_rows(cells, about):
    return "\n".join(f"| {group} | {number} | {about[group]} |" for group, number in cells.expected.items())


def sealed_part(cells):
    refusals = [f"| `{sdk}` | `{usual}` | `{managed}` | {words} |" for sdk, (usual, managed, words) in sealed.REFUSALS.items()]
    return SEALED.format(
        total=cells.counts.total(),
        failed=len(cells.failed),
        rows=group_rows(cells, ABOUT_SEALED),
        ranges=", ".join(way for way in sealed.WAYS if way not in (sealed.WHOLE, sealed.MANAGED)),
        refusals="\n".join(refusals),
    )


def access_part(cells):
    def tally(labels):
        return collections.Counter(tuple(label.split("/")[:5]) for label in labels)

    passed, failed = tally(cells.passed), tally(cells.failed)
    groups = list(access.OPERATIONS)
    rows = []
    for way in itertools.product(access.SDKS, access.SIGNATURES, access.ADDRESSING, access.CREDENTIALS):
        places = [(group, *way) for group in groups]
        counts = [f"{passed[place]}/{passed[place] + failed[place]}" for place in places]
        rows.append(f"| {' | '.join([*way, *counts])} |")
    operations = "; ".join(f"{group}: {', '.join(names)}" for group, names in access.OPERATIONS.items())
    return ACCESS.format(
        operations=operations,
        total=cells.counts.total(),
        failed=len(cells.failed),
        groups=" | ".join(groups),
        line="|".join(["---"] * len(groups)),
        rows="\n".join(rows),
    )


def exception_rows(*all_cells):
    rows = []
    for cells in all_cells:
        for kind, patterns in (("defect", cells.defects), ("unsupported", cells.unsupported)):
            rows += [
                f"| `{pattern}` | {cells.exceptions[pattern]} | {kind} | {why} |" for pattern, why in patterns.items()
            ]
    return "\n".join(rows)


def test_rows(tests):
    return "\n".join(
        f"| `{module}` | {tests.passed[module] + tests.not_passed[module]} | {tests.not_passed[module] - tests.lacking[module]} |"
        for module in sdk_tests.MODULES
    )


def reason_rows(tests):
    return "\n".join(
        f"| `{pattern}` | {tests.exceptions[pattern]} | {why} |" for pattern, why in sdk_tests.NOT_PASSED.items()
    )


def update(path, page):
    """Writes the page; true when it is what was there before."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if before == page:
        return True
    path.write_text(page, encoding="utf-8")
    print(f"{path} was not what this run makes, and has been written anew")
    return False
