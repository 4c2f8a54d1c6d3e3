"""What the views read from bodies of requests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from ..protocols import Json


class StorableJSONParser(JSONParser):
    """JSON that can be stored and told in an answer.

    Nested thousands of times, or with half a pair of surrogates in a text, it can
    be parsed and nothing else.
    """

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: dict[str, Any] | None = None,
    ) -> Json:
        """Returns what the body says.

        Raises ParseError for what is no JSON, or none that could be used.
        """
        try:
            data = super().parse(stream, media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except UnicodeEncodeError as error:
            text = _("The JSON contains a lone surrogate, which is no character.")
            raise ParseError(text) from error
        return data


def storable(parsers: Iterable[BaseParser]) -> list[BaseParser]:
    """Returns parsers of a project, its plain one of JSON replaced with ours."""
    return [
        StorableJSONParser() if type(parser) is JSONParser else parser
        for parser in parsers
    ]
