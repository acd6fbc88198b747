"""docs/interop.md, a function of a run's results."""

import collections
import importlib.metadata
import itertools

import access
import sdk_tests
import sealed

HEAD = """\
# Live interoperability

Written by `interop/run.sh`, which is part of `scripts/check.sh` and fails if the results differ
from this page. All requests go to `osseal serve` on one machine.

| peer | version |
|---|---|
{peers}

The server has long-lived credentials, or temporary ones with a security token. It is addressed by
path (`http://127.0.0.1:…/bucket/key`) and by virtual host (`bucket.oss-cn-hangzhou.aliyuncs.com`,
which resolves to this machine during the run).
"""

MATRIX = """\
## Encrypted objects

Each peer (`osseal`, `oss2`, `alibabacloud-oss-v2`) writes with AES/CTR, the suite of the official
SDKs, and each peer reads. A cell is one writer, one reader and one case. {total} cells, {failed} failed.

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
    "stored": "bytes and headers that osseal stores, against docs/format.md",
    "stat": "`osseal stat` of the objects of all peers",
    "refuse": "objects that osseal must refuse",
    "control": "a flipped bit, which the comparison must detect",
    "defects": "operations that an SDK performs wrongly, listed below: run, and must fail",
    "unsupported": "operations that an SDK does not offer, listed below: not run",
}

SEALED = """\
## Sealed objects

osseal writes with the sealed suite and wraps by RSA with OAEP (SHA-256 and SHA-1) and by AES key
wrap. A cell is one object and one way to read it. {total} cells, {failed} failed.

| group | cells | about |
|---|---|---|
{rows}

The official SDKs raise an error before they return a byte: for every wrap algorithm, every key
provider, the whole object, a range ({ranges}) and
their transfer managers:

| SDK | raises | its transfer manager raises | message |
|---|---|---|---|
{refusals}
"""

ABOUT_SEALED = {
    "read": "sizes around chunks and parts, and every key",
    "range": "ranges of objects written whole and in parts",
    "outside": "ranges past the end: refused, with the size that the last chunk proves",
    "stored": "stored bytes and headers against docs/format.md, opened by the module `cobblestone` of the Python package `cryptography`",
    "copy": "copies made by the service for `oss2`: opened where the bound context holds, refused elsewhere unless `--allow-moved` is given",
    "refuse": "objects that the official SDKs must refuse, listed below",
    "control": "the same SDKs read AES/CTR with the same keys; osseal refuses AES/CTR, and a flipped bit in every read of its chunk",
}

ACCESS = """\
## Signatures, addressing and credentials

Each SDK with both signature versions, both addressing styles and both kinds of credentials:
{operations}. {total} cells, {failed} failed. The table shows cells passed of cells
run.

| SDK | signature | addressing | credentials | {groups} |
|---|---|---|---|{line}|
{rows}
"""

EXCEPTIONS = """\
## Exceptions

Cells that match a pattern are run and must fail (defect), or are not run (unsupported).

| cells | number | kind | reason |
|---|---|---|---|
{rows}
"""

TESTS = """\
## The SDKs' own tests

* `alibabacloud-oss-v2`: the package index has a wheel of this version and no source distribution;
  neither it nor the last source distribution (1.2.0) contains tests.
* `oss2`: the source distribution carries {all} test modules. Those of objects, parts, listings, names,
  signatures and encryption run unchanged, by virtual host, with signature versions 1 and 4; those of
  whole transfers run with version 4 alone. Tests that choose between RSA and the vendor's key service
  at random get RSA. The cleanup of live channels, which the server does not implement, is skipped.
  Modules of bucket configurations and of other services, and modules that use mocks, are not run.
  {races} tests depend on a race and are not counted: three downloads read a record while another of
  their threads writes it, and two expect a local connection to take longer than a millisecond.

Some tests choose at random an operation that the server does not implement. The table therefore
counts the tests that run, and those that fail for another reason.

| module | run | failed for another reason |
|---|---|---|
{rows}

| failed for another reason | number | reason |
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
    """Writes the page; true if it did not change."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if before == page:
        return True
    path.write_text(page, encoding="utf-8")
    print(f"{path} differed from the results of this run and was rewritten")
    return False
