"""Text to search terms, as TensorFlow string ops.

1. Invalid UTF-8 and control characters become spaces; letters become lower case.
2. A token is a run of letters, digits and the marks that follow them (marks carry the vowels of Indic
   scripts). Everything else separates: punctuation, emoji, white space. A token ends after 100 characters.
3. Scripts written without spaces (Chinese, Japanese, Thai, ...) and Korean have no words to find: each run of
   their characters becomes its overlapping pairs, as in Lucene's CJKAnalyzer; a lone character stays.
4. Other tokens lose the stop words and are stemmed.

Accents are kept. Composed and decomposed forms of a letter are different terms: TensorFlow without custom ops
cannot normalise Unicode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from components.text import porter
from components.text.stop_words import ENGLISH

# Longer runs are not words but encoded data; the cap also bounds the time that one request can take.
_MAX_TOKEN = 100
_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}\p{Hangul}\p{Bopomofo}\p{Yi}"
    r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
)
_STOP = "|".join(ENGLISH)


@dataclass(frozen=True)
class Analyzer:
    """Turn texts into terms; without state, so Transform and the served model trace the same ops.

    Attributes:
        stemmer: `porter` for English; `none` keeps the words.
        stop_words: `english` drops English function words; `none` keeps every word.
    """

    stemmer: Literal["porter", "none"]
    stop_words: Literal["english", "none"]

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the terms of each text in order, `[batch, (terms)]`, for texts of shape `[batch]`."""
        tokens = tokenize(texts)
        # Most tokens repeat; the string ops run once for each distinct one.
        words, index = tf.unique(tokens.flat_values)
        terms = tf.gather(self._terms(words), index)
        return tokens.with_flat_values(terms).merge_dims(1, 2)

    def _terms(self, words: tf.Tensor) -> tf.RaggedTensor:
        unspaced = tf.strings.regex_full_match(words, f"[{_UNSPACED}][{_UNSPACED}\\p{{M}}]*")
        characters = tf.strings.unicode_split(tf.where(unspaced, words, ""), "UTF-8")
        pairs = tf.strings.ngrams(characters, 2, separator="", preserve_short_sequences=True)
        stems = porter.stem(words) if self.stemmer == "porter" else words
        kept = ~unspaced & (stems != "")
        if self.stop_words == "english":
            kept &= ~tf.strings.regex_full_match(words, _STOP)
        singles = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(stems, kept), tf.cast(kept, tf.int64))
        return tf.concat([pairs, singles], axis=1)


def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
    """Return the lower-case tokens of each text, `[batch, (tokens)]`, for texts of shape `[batch]`."""
    texts = tf.strings.unicode_transcode(
        texts, "UTF-8", "UTF-8", replacement_char=0x20, replace_control_characters=True
    )
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]+", " ")
    texts = tf.strings.regex_replace(texts, f"([{_UNSPACED}][{_UNSPACED}\\p{{M}}]*)", r" \1 ")
    # A mark without a letter before it is what is left of an emoji.
    texts = tf.strings.regex_replace(texts, r"(^| )\p{M}+", " ")
    return tf.strings.split(tf.strings.regex_replace(texts, f"([^ ]{{{_MAX_TOKEN}}})", r"\1 "))
