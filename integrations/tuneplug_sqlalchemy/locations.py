"""The URL of a database: check it, and keep its password out of every message."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tuneplug_sqlalchemy.dialects import Dialect

__all__ = ["Location"]

#: Options in the query of a URL whose values are shown.  Any other may be a secret.
SHOWN_OPTIONS = frozenset(
    {
        "application_name",
        "charset",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "host",
        "port",
        "read_timeout",
        "sslmode",
        "target_session_attrs",
        "unix_socket",
        "write_timeout",
    }
)


class Location:
    """The URL of a database.

    Attributes
    ----------
    url : sqlalchemy.engine.URL
    shown : str
        The URL without its secrets.

    Parameters
    ----------
    text : str
    scheme : str
        Scheme that the URL must have, before ``+`` and the driver.
    dialect : Dialect

    Raises
    ------
    ValueError
        If the text is not a URL of this scheme and of the driver of the dialect.
    """

    def __init__(self, text: str, scheme: str, dialect: Dialect) -> None:
        url = _parsed(text)
        names = (scheme, f"{scheme}+{dialect.driver}")
        if url is None or url.drivername not in names:
            scheme_found = re.match(r"[\w+.-]+(?=://)", text)
            found = "no scheme" if scheme_found is None else repr(scheme_found[0])
            raise ValueError(
                f"the URL of a {scheme} storage must be as in "
                f"'{names[1]}://user:password@host/database', with special characters of user and "
                f"password quoted, but it has {found}, or another error"
            )
        self.url = url.set(drivername=names[1])
        self._secrets = sorted(_secrets(self.url), key=len, reverse=True)
        hidden = {key: "***" for key in url.query if key not in SHOWN_OPTIONS}
        shown = self.url.update_query_dict(hidden).render_as_string(hide_password=True)
        self.shown = shown.replace("%2A%2A%2A", "***").replace("%2F", "/")

    def scrub(self, text: str) -> str:
        """Return a text without the secrets of the URL."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _parsed(text: str) -> URL | None:
    if "@" in text.partition("@")[2].partition("?")[0]:
        return None  # a part of the password would be taken for the host, and shown
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None  # the error may show a part of the password


def _secrets(url: URL) -> set[str]:
    """Return the secrets of a URL in each way in which they may be written."""
    plain = [url.password or ""]
    for key, value in url.query.items():
        if key not in SHOWN_OPTIONS:
            plain += [value] if isinstance(value, str) else value
    written = {form for text in plain for form in (text, quote(text, safe=""), quote_plus(text))}
    return {form for text in written for form in (text, repr(text)[1:-1])} - {""}
