"""The tests that the source distribution of oss2 carries, run against the server as they are.

They come with the package and read their target from the environment. A test that the server has answered with NotImplemented or
MethodNotAllowed needs an operation that the server does not implement, and is counted as such. Other tests that cannot pass here are in
NOT_PASSED with pattern and reason; such a test that passes is an error, as is a pattern that names no test.
"""

import collections
import concurrent.futures
import fnmatch
import io
import json
import logging
import os
import random
import subprocess
import sys
import time
import unittest
import unittest.mock

import loopback

# The modules of the distribution that test operations of the server.
MODULES = [
    *["test_chinese", "test_crypto_multipart", "test_crypto_object", "test_download", "test_headers", "test_iterator"],
    *["test_list_objects_v2", "test_multipart", "test_object", "test_put_object_chunked", "test_sign", "test_upload"],
]
# Slow: whole transfers. They are signed like all other requests, so one signature version is enough.
LONG = {"test_download", "test_put_object_chunked", "test_upload"}
JOBS = [(module, signature) for module in MODULES for signature in ("v1", "v4") if signature == "v4" or module not in LONG]

# module.test, by any class.
NOT_PASSED = {
    "test_crypto_object.test_crypto_*select_object*": "the file that it reads is not in the distribution",
    "test_crypto_object.test_crypto_*process*": "the file that it reads is not in the distribution",
    "test_object.test_process_object": "the file that it reads is not in the distribution",
    "test_object.test_put_object_with_sign_url": "the file that it reads is not in the distribution",
    "test_*.test_*sequen*": "needs a second region",
    "test_list_objects_v2.test_list_object_iterator_v2": "listings of the server have no owner",
    "test_multipart.test_multipart_yes": "completes an upload without a list of parts, which the server does not implement",
    "test_object.test_anonymous": "sends a parameter that no operation has, which the server refuses",
    "test_object.test_async_process_object": "the server does not implement image processing",
    "test_object.test_gzip_get": "the server does not compress replies",
    "test_object.test_get_object_with_url_to_file_chunked": "the server does not compress replies",
    "test_object.test_restore_*_with_*": "the server does not restore archived objects",
    "test_object.test_sign_url_with_callback": "the server does not implement callbacks",
    "test_sign.test_sign_v2_*": "signature version 2, which the vendor no longer documents",
    "test_sign.test_sign_v4_no_region": "expects another error message",
}
# Not judged, because their result is a race: those of downloads read a record while another of their threads writes it, those of timeouts want a
# connection on this machine to take longer than a millisecond.
RACES = {
    "test_download.test_relpath_and_abspath",
    "test_download.test_remote_changed_during_download",
    "test_download.test_tmp_file_removed",
    "test_object.test_default_timeout",
    "test_object.test_timeout",
}
EXPECTED = 294


class Tests:
    def __init__(self, service, sources, work):
        self.service, self.sources, self.work = service, sources, work
        self.modules_carried = len(list((sources / "tests").glob("test_*.py")))
        self.passed = collections.Counter()  # by module
        self.not_passed = collections.Counter()  # by module
        self.lacking = collections.Counter()  # of those, the ones that ask for a call that the server does not have
        self.exceptions = collections.Counter()  # by pattern
        self.raced = set()
        self.failed = []

    def run(self):
        """Each module and signature in a process of its own: the tests change globals of the SDK."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for (module, signature), results in zip(JOBS, pool.map(self.module, JOBS), strict=True):
                for test, wrong in results:
                    self.judge(module, signature, test, wrong)

    def module(self, job):
        module, signature = job
        folder = self.work / f"{module}-{signature}"
        folder.mkdir()
        (folder / "tests").symlink_to(self.sources.resolve() / "tests")  # they read files of theirs, and write others here
        port = self.service.endpoint.rsplit(":", 1)[1]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OSS_TEST_ACCESS_KEY_ID": self.service.access_key_id,
            "OSS_TEST_ACCESS_KEY_SECRET": self.service.access_key_secret,
            "OSS_TEST_ENDPOINT": f"http://{loopback.HOST}:{port}",
            "OSS_TEST_REGION": self.service.region,
            "OSS_TEST_BUCKET": f"t{MODULES.index(module)}{signature}-",
            "OSS_TEST_AUTH_VERSION": signature,
        }
        command = [sys.executable, __file__, str(self.sources), module]
        begin = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=300)
        print(f"{module} {signature}: {time.monotonic() - begin:.1f} s", file=sys.stderr)
        if done.returncode != 0:
            return [("all", done.stderr.decode(errors="replace")[-2000:])]
        return json.loads(done.stdout)

    def judge(self, module, signature, test, wrong):
        name = f"{module}.{test}"
        if name in RACES:
            self.raced.add(name)
            return
        pattern = next((pattern for pattern in NOT_PASSED if fnmatch.fnmatchcase(name, pattern)), None)
        if pattern:
            self.exceptions[pattern] += 1
        (self.not_passed if wrong else self.passed)[module] += 1
        if wrong and not pattern and ("'NotImplemented'" in wrong or "'MethodNotAllowed'" in wrong):
            self.lacking[module] += 1
            return
        if bool(wrong) != bool(pattern):
            self.failed.append(name)
            print(f"FAILED {name} with {signature}: {wrong or f'passes, although NOT_PASSED says: {NOT_PASSED[pattern]}'}")

    def report(self):
        complaints = [f"{pattern} names no test" for pattern in NOT_PASSED if not self.exceptions[pattern]]
        complaints += [f"{name} is no test" for name in RACES - self.raced]
        total = self.passed.total() + self.not_passed.total()
        if total != EXPECTED:
            complaints.append(f"the number of tests is {total}, not {EXPECTED}")
        for complaint in complaints:
            print(f"tests of oss2: {complaint}")
        print(f"tests of oss2: {total} run, {self.passed.total()} passed, {len(self.failed)} not as expected")
        return not complaints and not self.failed


class Result(unittest.TestResult):
    """The last line of each error, by test."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def startTest(self, test):
        super().startTest(test)
        self.found[test.id()] = None

    def note(self, test, error):
        self.found[test.id()] = f"{error[0].__name__}: {error[1]}"[:600]

    def addError(self, test, err):
        self.note(test, err)

    def addFailure(self, test, err):
        self.note(test, err)

    def addSkip(self, test, reason):
        self.found[test.id()] = f"skipped: {reason}"


def main(sources, module):
    """One module, its results as JSON on standard output, whatever the tests print."""
    loopback.install()
    out, sys.stdout = sys.stdout, io.StringIO()
    sys.path.insert(0, sources)
    logging.disable(logging.CRITICAL)
    sys.modules["mock"] = unittest.mock  # a package of old, in the standard library since
    import tests.common

    # Buckets are left behind: they are emptied by calls that the server does not have.
    tests.common.clean_and_delete_bucket = tests.common.clean_and_delete_bucket_by_prefix = lambda *_: None
    set_up = tests.common.OssTestCase.setUp

    def with_rsa_alone(self):
        """Tests that draw lots between RSA and the vendor's key service get RSA."""
        set_up(self)
        self.kms_crypto_bucket = self.rsa_crypto_bucket

    tests.common.OssTestCase.setUp = with_rsa_alone
    random.seed(module)
    result = Result()
    unittest.defaultTestLoader.loadTestsFromName(f"tests.{module}").run(result)
    found = [(test.rsplit(".", 1)[1], wrong) for test, wrong in sorted(result.found.items())]
    json.dump(found, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
