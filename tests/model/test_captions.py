"""Captions: another description is a finding; where captions wander, nobody is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.annotators import OPTIONAL, GlyphBank
from riskmask.model.annotators.caption import ENVIRONMENT, CaptionAnnotator, words

Pixels = NDArray[np.uint8]
COLOURS = {"red": (210, 40, 40), "green": (40, 170, 60), "blue": (40, 60, 200)}


def _painted(colour: tuple[int, int, int], seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, 6, (48, 64, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ViT with a tiny GPT-2 behind it that has learnt to tell three walls apart."""
    pytest.importorskip("transformers", reason="captions need the extra `captions`")
    import torch

    from riskmask.model.torchvision_ops import ensure_torchvision

    ensure_torchvision()
    import tokenizers
    import transformers as tf

    torch.manual_seed(0)
    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "a", "wall", *COLOURS]
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({w: i for i, w in enumerate(vocabulary)}, unk_token="<unk>")
    )
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = tf.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    processor = tf.ViTImageProcessor(size={"height": 16, "width": 16})
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = tf.ViTConfig(**sizes, intermediate_size=64, image_size=16, patch_size=8)
    language = tf.GPT2Config(
        vocab_size=len(vocabulary), n_positions=16, n_embd=32, n_layer=1, n_head=2
    )
    language.update({"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})
    config = tf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, language)
    model = tf.VisionEncoderDecoderModel(config)
    for settings in (model.config, model.generation_config):
        settings.decoder_start_token_id = 1
        settings.eos_token_id = 2
        settings.pad_token_id = 0
    pictures = [_painted(COLOURS[c], s) for c in COLOURS for s in range(4)]
    pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
    lines = [f"a {c} wall </s>" for c in COLOURS for _ in range(4)]
    labels = tokenizer(lines, return_tensors="pt")["input_ids"]
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(120):
        optimiser.zero_grad()
        loss = model(pixel_values=pixels, labels=labels).loss
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1
    out = tmp_path_factory.mktemp("captioner")
    for part in (model, tokenizer, processor):
        part.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def annotator(folder: Path) -> CaptionAnnotator:
    return CaptionAnnotator(folder)


def test_another_description_is_one_finding_about_the_whole_picture(
    annotator: CaptionAnnotator,
) -> None:
    examination = annotator.examine(_painted(COLOURS["red"], 7), [])
    [finding] = examination.find(_painted(COLOURS["blue"], 8))
    assert finding.evidence == "caption 'a red wall' → 'a blue wall'"
    assert finding.kind == "shape"
    assert not finding.high_impact
    assert finding.severity == pytest.approx(1 - 1 / 3)  # of red, blue and wall one is shared
    assert finding.polygon == ((0, 0), (64, 0), (64, 48), (0, 48))


def test_the_same_description_is_no_finding(annotator: CaptionAnnotator) -> None:
    examination = annotator.examine(_painted(COLOURS["green"], 7), [])
    assert examination.find(_painted(COLOURS["green"], 9)) == []


def test_a_picture_whose_copies_are_described_otherwise_is_not_judged(
    annotator: CaptionAnnotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, blue = _painted(COLOURS["red"]), _painted(COLOURS["blue"])
    monkeypatch.setattr(
        "riskmask.model.annotators.caption.harmless_copies", lambda image: [image, blue]
    )
    assert annotator.examine(red, []).find(blue) == []


def test_another_size_is_an_error(annotator: CaptionAnnotator) -> None:
    examination = annotator.examine(_painted(COLOURS["red"]), [])
    with pytest.raises(ValueError, match="decode it to the original's size"):
        examination.find(np.zeros((48, 60, 3), np.uint8))


def test_the_registry_makes_it_where_a_model_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(folder))
    assert OPTIONAL["caption"](GlyphBank([])).name == "caption"


def test_without_a_model_it_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(ValueError, match=ENVIRONMENT):
        OPTIONAL["caption"](GlyphBank([]))
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        CaptionAnnotator(tmp_path)


def test_words_that_say_nothing_do_not_count() -> None:
    assert words("A dog is on the grass.") == words("the dog, in grass") == {"dog", "grass"}
    assert words("a dog") != words("a cat")
