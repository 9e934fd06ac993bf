"""Porter's stemmer as TensorFlow string ops.

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, in the form that the Snowball
project publishes as `porter`. A word is `[C](VC)^m[V]`: `m` counts vowel-consonant groups before a suffix.

Each step first marks the longest suffix that the step knows and then rewrites the marked word, because a step
tries no shorter suffix when the longest one's condition fails. The mark cannot occur in a word.
"""

from __future__ import annotations

import tensorflow as tf

_MARK = "|"
# While the steps run, "y" is the vowel and "Y" the consonant.
_V = "[aeiouy]"
_C = "[^aeiouy]"
_M_ABOVE_0 = f"({_V}{_C}.*)"
_M_ABOVE_1 = f"({_V}{_C}.*{_V}{_C}.*)"

_DOUBLED = "bdfgmnprt"

_STEP_2 = {
    "ate": ("ational", "ation", "ator"),
    "tion": ("tional",),
    "ence": ("enci",),
    "ance": ("anci",),
    "ize": ("izer", "ization"),
    "able": ("abli",),
    "al": ("alli", "alism", "aliti"),
    "ent": ("entli",),
    "e": ("eli",),
    "ous": ("ousli", "ousness"),
    "ive": ("iveness", "iviti"),
    "ful": ("fulness",),
    "ble": ("biliti",),
}
_STEP_3 = {"al": ("alize",), "ic": ("icate", "iciti", "ical"), "": ("ative", "ful", "ness")}
_STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"),
)


def stem(words: tf.Tensor) -> tf.Tensor:
    """Return the stem of each word.

    Args:
        words: Lower-case words without white space, string of any shape, UTF-8. Letters other than a-z count
            as consonants.

    Returns:
        The stems, same shape.
    """
    words = _tell_y_apart(words)
    words = _step_1a(words)
    words = _step_1b(words)
    words = _sub(words, f"^(.*{_V}.*)[yY]$", r"\1i")
    words = _rewrite(words, _STEP_2)
    words = _rewrite(words, _STEP_3)
    words = _step_4(words)
    words = _step_5(words)
    return _sub(words, "Y", "y")


def _sub(words: tf.Tensor, pattern: str, rewrite: str) -> tf.Tensor:
    return tf.strings.regex_replace(words, pattern, rewrite)


def _mark(words: tf.Tensor, suffixes: tuple[str, ...]) -> tf.Tensor:
    return _sub(words, f"^(.*?)({'|'.join(suffixes)})$", rf"\1{_MARK}\2")


def _unmark(words: tf.Tensor) -> tf.Tensor:
    return _sub(words, rf"\{_MARK}", "")


def _tell_y_apart(words: tf.Tensor) -> tf.Tensor:
    words = _sub(words, "^y", "Y")
    words = _sub(words, "([aeiou])y", r"\1Y")
    # In a run of y's after a consonant every second one follows a vowel.
    return _sub(words, "yy", "yY")


def _step_1a(words: tf.Tensor) -> tf.Tensor:
    words = _mark(words, ("sses", "ies", "ss", "s"))
    words = _sub(words, rf"\{_MARK}(ss|i)es$", r"\1")
    words = _sub(words, rf"\{_MARK}s$", "")
    return _unmark(words)


def _step_1b(words: tf.Tensor) -> tf.Tensor:
    words = _mark(words, ("eed", "ed", "ing"))
    words = _sub(words, rf"{_M_ABOVE_0}\{_MARK}eed$", r"\1ee")
    # The mark stays behind, at the end, on words that lost a suffix: only those are tidied.
    words = _sub(words, rf"({_V}.*)\{_MARK}(?:ed|ing)$", rf"\1{_MARK}")
    words = _sub(words, rf"(at|bl|iz)\{_MARK}$", r"\1e")
    for letter in _DOUBLED:
        words = _sub(words, rf"{letter}{letter}\{_MARK}$", letter)
    # m = 1 and an ending like that of "hop": the "e" comes back ("hoping", "hope").
    words = _sub(words, rf"^({_C}+{_V}[^aeiouywxY])\{_MARK}$", r"\1e")
    return _unmark(words)


def _rewrite(words: tf.Tensor, rules: dict[str, tuple[str, ...]]) -> tf.Tensor:
    words = _mark(words, tuple(suffix for suffixes in rules.values() for suffix in suffixes))
    for replacement, suffixes in rules.items():
        words = _sub(words, rf"{_M_ABOVE_0}\{_MARK}(?:{'|'.join(suffixes)})$", rf"\1{replacement}")
    return _unmark(words)


def _step_4(words: tf.Tensor) -> tf.Tensor:
    words = _mark(words, _STEP_4)
    words = _sub(words, rf"([^st])\{_MARK}(ion)$", r"\1\2")
    words = _sub(words, rf"{_M_ABOVE_1}\{_MARK}.*$", r"\1")
    return _unmark(words)


def _step_5(words: tf.Tensor) -> tf.Tensor:
    words = _mark(words, ("e",))
    words = _sub(words, rf"{_M_ABOVE_1}\{_MARK}e$", r"\1")
    # With m = 1 the "e" stays after an ending like that of "hop": consonant, vowel, consonant but w, x, Y.
    words = _sub(words, rf"({_C}{_V}[^aeiouywxY])\{_MARK}e$", r"\1e")
    words = _unmark(_sub(words, rf"{_M_ABOVE_0}\{_MARK}e$", r"\1"))
    words = _sub(words, "ll$", rf"l{_MARK}l")
    return _unmark(_sub(words, rf"{_M_ABOVE_1}\{_MARK}l$", r"\1"))
