"""What a container's image says of itself when it does not start, in a runtime's words. No I/O.

Most words of a pull are about the way to the registry or the right to read there, and change
without a new image. Registries answer "denied" for what is missing, too: that is no proof.
"""

from __future__ import annotations

import re

# Names, addresses and digests, quoted or not, may hold any of the words below.
_NAMES = re.compile(r"""\"[^\"]*\" | `[^`]*` | (?<!\w)'[^']*'(?!\w) | \S*[/@]\S*""", re.VERBOSE)
_BAD_IMAGE = re.compile(
    r"""failed\ to\ resolve[^:]*[:\s]*not\ found          # containerd
    | manifest\ for\s+not\ found | manifest[ _]unknown    # Docker; the registry's own words
    | name[ _]unknown | (?:requested\ image|repository|artifact)\s+not\ found
    | no\ match\ for\ platform | no\ matching\ manifest | does\ not\ match\ the\ specified\ platform
    | cannot\ be\ used\ on\ this\ platform
    | no\ image\ found\ in\ (?:manifest\ list|image\ index)          # CRI-O
    | unsupported\ manifest\ media\ type | invalid\ reference\ format
    | schema\ 1\ images\ have\ been\ deprecated | media\ type\s+is\ no\ longer\ supported
    | exec\ format\ error | no\ command\ specified | no\ matching\ entries\ in\ passwd
    # runc and crun, of the container's program: nodes lack runtimes and hooks in the same words.
    | container\ process.*?exec:[:\s]*(?:stat|executable\ file\ not\ found|no\ such\ file)
    | create\ failed:\s*executable\ file\s+not\ found
    """,
    re.VERBOSE,
)
_MAY_PASS = re.compile(
    r"""denied | unauthori[sz]ed | forbidden | not\ authorized | authorization | authenticat
    | credential | \btoken\b | insufficient_scope | \b(?:401|403|407|408|429|5\d\d)\b
    | too\ ?many\ ?requests | rate\ limit | quota | exceeded
    | x509 | \btls\b | certificate | time\ ?out | timed\ out | deadline | no\ such\ host
    | lookup | name\ resolution | dial\ tcp | connection | unreachable | no\ route | \beof\b
    | unavailable | no\ space\ left | proxy | \bhook\b
    """,
    re.VERBOSE,
)


def blames_image(words: str) -> bool:
    """Tell whether an error says for certain that the image is bad: there is none, or not for us.

    A message that holds both, as of a mirror and of the registry behind it, is no proof.
    """
    plain = _NAMES.sub(" ", words.lower())
    return bool(_BAD_IMAGE.search(plain)) and not _MAY_PASS.search(plain)
