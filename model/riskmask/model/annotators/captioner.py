"""Captions by an image-to-text model in a local folder, as ``transformers`` stores one."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LONGEST = 24  # tokens of a caption


class Captioner:
    """Greedy captions, so that the same picture has the same caption each time.

    Args:
        folder: holds the model, its tokenizer and its image processor
            (``save_pretrained`` of each, such as a download of BLIP, GIT or ViT-GPT2). Nothing is
            fetched, and no code in it is run.

    Raises:
        FileNotFoundError: the folder holds no model.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(
                f"no image-to-text model in {folder}; name a folder with its config.json"
            )
        self._folder = folder

    def describe(self, image: NDArray[np.uint8]) -> str:
        """A caption of a picture, (H, W, 3) uint8 RGB.

        Raises:
            ImportError: transformers or torch is not installed.
            OSError: the folder lacks a file that the model needs.
        """
        torch, processor, tokenizer, model = self._parts
        inputs = processor(images=Image.fromarray(image), return_tensors="pt")
        with torch.inference_mode():
            tokens = model.generate(
                pixel_values=inputs["pixel_values"],
                max_new_tokens=_LONGEST,
                do_sample=False,
                num_beams=1,
            )
        return str(tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any, Any]:
        """torch, image processor, tokenizer and model."""
        try:
            import torch

            from riskmask.model.torchvision_ops import ensure_torchvision

            ensure_torchvision()
            import transformers
        except ImportError as error:
            raise ImportError("captions need transformers: pip install 'riskmask[captions]'") from (
                error
            )
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        processor = transformers.AutoImageProcessor.from_pretrained(self._folder, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(self._folder, **options)
        kind = transformers.AutoModelForImageTextToText
        model = kind.from_pretrained(self._folder, **options).eval()
        return torch, processor, tokenizer, model
