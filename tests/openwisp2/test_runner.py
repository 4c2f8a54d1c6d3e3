"""Django's test runner, which also writes its numbers for ``./runtests``."""

import json
import os
from pathlib import Path

from django.test.runner import DiscoverRunner


class CountingRunner(DiscoverRunner):
    """Writes the numbers of tests to the file named by ``COUNTS_FILE``."""

    def suite_result(self, suite, result, **kwargs):
        """Returns the number of failures, as Django's own runner does."""
        if path := os.environ.get("COUNTS_FILE"):
            bad = len(result.failures) + len(result.errors)
            bad += len(result.unexpectedSuccesses)
            wrong = [*result.failures, *result.errors]
            skipped = [str(test) for test, _ in result.skipped]
            counts = {
                "passed": result.testsRun - bad - len(skipped),
                "failed": bad,
                "skipped": len(skipped),
                # the last line of a traceback tells what was wrong
                "failures": [
                    f"{test}: {text.strip().splitlines()[-1]}" for test, text in wrong
                ],
            }
            Path(path).write_text(json.dumps(counts))
        return super().suite_result(suite, result, **kwargs)
