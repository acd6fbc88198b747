"""Runs all peers, and compares the page of results with the committed docs/interop.md."""

import argparse
import os
import pathlib
import subprocess
import sys
import threading
import time

import loopback

loopback.install()

import access
import page
import peers
import sdk_tests
from cells import explain
from matrix import Matrix
from sealed import Sealed


def service(endpoint, prefix, bucket):
    """A server and its credentials, from the variables of one of the two kinds of credentials."""
    return peers.Service(
        endpoint=endpoint,
        region=loopback.REGION,
        bucket=bucket,
        access_key_id=os.environ[f"{prefix}_ID"],
        access_key_secret=os.environ[f"{prefix}_SECRET"],
        security_token=os.environ.get(f"{prefix}_TOKEN"),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True, help="of the server with long-lived credentials")
    parser.add_argument("--temporary-endpoint", required=True, help="of the one with a security token")
    parser.add_argument("--osseal", required=True, help="the command under test")
    parser.add_argument("--presigned", required=True, help="the library's example")
    parser.add_argument("--sources", required=True, type=pathlib.Path, help="the source distribution of oss2, unpacked")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="an empty folder")
    parser.add_argument("--page", required=True, type=pathlib.Path, help="docs/interop.md")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    folders = {name: work / name for name in ("matrix", "sealed", "access", "tests")}
    for folder in folders.values():
        folder.mkdir()

    def timed(name, run):
        begin = time.monotonic()
        try:
            run()
        except subprocess.CalledProcessError as error:
            sys.exit(f"interop: {explain(error)}")
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr)

    # These tests mostly wait, so they run in the background.
    tests = sdk_tests.Tests(service(arguments.endpoint, "LONG_LIVED", ""), arguments.sources, folders["tests"])
    background = threading.Thread(target=timed, args=("tests of oss2", tests.run))
    background.start()
    matrix = Matrix(service(arguments.endpoint, "LONG_LIVED", "interop"), arguments.osseal, folders["matrix"])
    timed("interop", matrix.run)
    sealed = Sealed(service(arguments.endpoint, "LONG_LIVED", "sealed"), arguments.osseal, folders["sealed"])
    timed("sealed", sealed.run)
    services = {
        "long-lived": service(arguments.endpoint, "LONG_LIVED", "access"),
        "temporary": service(arguments.temporary_endpoint, "TEMPORARY", "access"),
    }
    ways = access.Access(services, arguments.osseal, arguments.presigned, matrix.keys["bare"], folders["access"])
    timed("access", ways.run)
    background.join()

    good = [part.report() for part in (matrix.cells, sealed.cells, ways.cells, tests)]
    good.append(page.update(arguments.page, page.text(matrix.cells, sealed.cells, ways.cells, tests)))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
