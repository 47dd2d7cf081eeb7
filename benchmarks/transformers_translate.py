"""The other half of translation_decode.py, for an interpreter that has torch and transformers: prints one JSON line.

Usage: python transformers_translate.py < SETTING, JSON with width, layers, heads, kinds, source, written, rounds, and cases, (rows,
beams) each.
"""

import json
import sys
import time

if __name__ == "__main__":
    sys.modules["torchvision"] = None  # type: ignore[assignment] # not needed; one of another build than torch's would end it
    import torch  # pyright: ignore[reportMissingImports]
    from transformers import MarianConfig, MarianMTModel  # pyright: ignore[reportMissingImports]

    setting = json.load(sys.stdin)
    torch.set_num_threads(2)
    torch.manual_seed(0)
    kinds, layers, heads, written = (setting[name] for name in ("kinds", "layers", "heads", "written"))
    config = MarianConfig(
        vocab_size=kinds, d_model=setting["width"], encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=4 * setting["width"],
        decoder_ffn_dim=4 * setting["width"], activation_function="gelu", pad_token_id=0, eos_token_id=2, forced_eos_token_id=None,
        decoder_start_token_id=1, max_position_embeddings=512,
    )  # fmt: skip
    model = MarianMTModel(config).eval()
    taken: dict[str, list[float]] = {}
    for rows, beams in setting["cases"]:
        x = torch.randint(3, kinds, (rows, setting["source"]))
        for _ in range(setting["rounds"]):
            began = time.perf_counter()
            with torch.no_grad():
                made = model.generate(
                    x,
                    attention_mask=torch.ones_like(x),
                    num_beams=beams,
                    do_sample=False,
                    max_new_tokens=written,
                    min_new_tokens=written,
                )
            taken.setdefault(f"{rows} {beams}", []).append(time.perf_counter() - began)
        assert made.shape == (rows, written + 1), made.shape
    print(json.dumps(taken))
