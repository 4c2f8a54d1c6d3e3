"""The package's tests on every supported Python and Django, on PostgreSQL.

``nox`` runs them all and skips Pythons that are not installed;
``nox -s "tests-3.12(django='5.2')"`` runs one. Redis and PostgreSQL with PostGIS must
be installed, ``scripts/bootstrap tests`` does it.
"""

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
DJANGOS = ("5.1", "5.2")

nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"


@nox.session(python=PYTHONS)
@nox.parametrize("django", DJANGOS)
def tests(session: nox.Session, django: str) -> None:
    """Runs the package's tests, each on a private PostgreSQL."""
    session.install("-r", "requirements.txt", "-r", "requirements-test.txt")
    session.install(f"django=={django}.*")
    session.run("python", "scripts/run_suites.py", "unit-postgres", *session.posargs)
