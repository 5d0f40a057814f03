#!/usr/bin/env python3
"""The whole encoder pass of mujaz beside PyTorch, ONNX Runtime and OpenVINO: same weights, same rows, one run.

Rows are the windows that `mujaz bench` makes of the articles. Every program gets them sorted by length in batches of
about --tokens pieces; those that need rectangles get rows padded to a multiple of 16 (fewer shapes, little padding).
Programs take turns, --rounds times, each after a warm-up; the figure is real pieces a second of the median round.

    cargo build --release
    pip install torch transformers tokenizers onnx onnxscript onnxruntime openvino nncf
    python benches/peers/encoder.py articles.jsonl --count 2000

Settings, the best that were found: PyTorch in inference mode with scaled dot-product attention, bf16 by converting the
weights; ONNX Runtime after its own BERT optimiser, int8 by its dynamic quantisation, channel by channel; OpenVINO with
the throughput hint and one stream a core, int8 by NNCF's post-training quantisation for transformers on 64 rows.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parent.parent.parent


def batches(rows, tokens):
    """(ids, mask) rectangles of rows of like length, longest first."""
    out, batch, longest = [], [], 0
    for row in sorted(rows, key=len, reverse=True):
        if batch and (len(batch) + 1) * longest > tokens:
            out.append(batch)
            batch = []
        longest = longest if batch else -(-len(row) // 16) * 16
        batch.append(row)
    out.append(batch)
    rectangles = []
    for batch in out:
        width = -(-max(map(len, batch)) // 16) * 16
        ids, mask = np.zeros((len(batch), width), np.int64), np.zeros((len(batch), width), np.int64)
        for i, row in enumerate(batch):
            ids[i, : len(row)], mask[i, : len(row)] = row, 1
        rectangles.append((ids, mask))
    return rectangles


def load(model):
    from transformers import BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    return BertModel.from_pretrained(model, add_pooling_layer=False, attn_implementation="sdpa", dtype=torch.float32).eval()


def pytorch(model, dtype):
    net = load(model).to(dtype)

    def run(rectangles):
        with torch.inference_mode():
            return [net(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state.float().numpy() for ids, mask in rectangles]

    return run


def export(model, folder, heads):
    """ONNX files of the encoder: plain, optimised, and quantised."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    plain, best, small = (folder / f"{n}.onnx" for n in ("plain", "best", "int8"))
    net = load(model)
    net.set_attn_implementation("eager")
    example = torch.ones(2, 16, dtype=torch.int64)
    axes = {n: {0: "batch", 1: "length"} for n in ("input_ids", "attention_mask", "hidden")}
    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, input_ids, attention_mask):
            return self.net(input_ids, attention_mask).last_hidden_state

    torch.onnx.export(Encoder(), (example, example), plain, dynamo=False, opset_version=17,
                      input_names=["input_ids", "attention_mask"], output_names=["hidden"], dynamic_axes=axes)  # fmt: skip
    optimizer.optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=net.config.hidden_size).save_model_to_file(str(best))
    quantize_dynamic(best, small, weight_type=QuantType.QInt8, per_channel=True, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    return plain, best, small


def onnxruntime(path, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda rectangles: [session.run(None, {"input_ids": i, "attention_mask": m})[0] for i, m in rectangles]


def openvino(path, threads, precision, rows):
    import openvino as ov

    core = ov.Core()
    net = core.read_model(path)
    if precision == "int8":
        import nncf

        sample = nncf.Dataset([{"input_ids": np.array([r]), "attention_mask": np.ones((1, len(r)), np.int64)} for r in rows[:: max(1, len(rows) // 64)]])
        net = nncf.quantize(net, sample, model_type=nncf.ModelType.TRANSFORMER, subset_size=64)
    config = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(threads), "INFERENCE_NUM_THREADS": str(threads)}
    config["INFERENCE_PRECISION_HINT"] = "f32" if precision == "f32" else "bf16"
    compiled = core.compile_model(net, "CPU", config)

    def run(rectangles):
        queue, out = ov.AsyncInferQueue(compiled, threads), [None] * len(rectangles)
        queue.set_callback(lambda request, i: out.__setitem__(i, request.get_output_tensor(0).data.copy()))
        for i, (ids, mask) in enumerate(rectangles):
            queue.start_async({"input_ids": ids, "attention_mask": mask}, i)
        queue.wait_all()
        return out

    return run


def mujaz(args, name, rows_file=None):
    """Tokens a second of one pass, or the rows where a file for them is named."""
    device, kernel = ("candle-cpu", "") if name == "candle" else ("cpu", name)
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [args.mujaz, "bench", args.articles, "--articles", str(args.count), "--model", args.model, "--json", report.name]
        command += ["--device", device, "--repeat", "1", "--batch-tokens", str(args.tokens), "--encoder-only"]
        command += ["--threads", "1" if name == "candle" else str(args.threads)]
        command += ["--rows", str(rows_file)] if rows_file else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"MUJAZ_KERNEL": kernel})
        return json.loads(Path(report.name).read_text())["encoder"]["tokens_per_second"]


def runs(args, kernel):
    """Whether this machine has a kernel of mujaz."""
    command = [args.mujaz, "bench", args.articles, "--articles", "1", "--model", args.model, "--repeat", "1", "--encoder-only"]
    tried = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"MUJAZ_KERNEL": kernel})
    return tried.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", help="JSONL of articles")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--model", default=str(ROOT / "models/mujaz-base"))
    parser.add_argument("--mujaz", default=str(ROOT / "target/release/mujaz"))
    parser.add_argument("--kernels", default="avx512-f32,avx512-bf16,avx512-int8,avx2-f32,avx2-int8", help="kernels of mujaz to measure, those that the machine has")
    parser.add_argument("--no-candle", action="store_true", help="leave candle out: it is slow")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    folder = Path(tempfile.mkdtemp())
    kernels = [kernel for kernel in args.kernels.split(",") if runs(args, kernel)]
    if not kernels:
        raise SystemExit(f"this machine has none of {args.kernels}, or {args.articles} is no file of articles")
    mujaz(args, kernels[0], folder / "rows.jsonl")
    rows = [json.loads(line) for line in open(folder / "rows.jsonl")]
    rectangles, pieces = batches(rows, args.tokens), sum(map(len, rows))
    padded = sum(ids.size for ids, _ in rectangles)
    print(f"{args.count} articles, {len(rows)} rows, {pieces} pieces; padding of the peers {1 - pieces / padded:.1%}", flush=True)
    config = json.loads((Path(args.model) / "config.json").read_text())
    plain, best, small = export(args.model, folder, config["num_attention_heads"])
    peers = {
        "PyTorch f32": pytorch(args.model, torch.float32),
        "PyTorch bf16": pytorch(args.model, torch.bfloat16),
        "ONNX Runtime f32": onnxruntime(best, args.threads),
        "ONNX Runtime int8": onnxruntime(small, args.threads),
        "OpenVINO f32": openvino(plain, args.threads, "f32", rows),
        "OpenVINO bf16": openvino(plain, args.threads, "bf16", rows),
        "OpenVINO int8": openvino(plain, args.threads, "int8", rows),
    }
    truth = peers["PyTorch f32"](rectangles[-1:])[0]
    real = rectangles[-1][1].astype(bool)
    for name, run in peers.items():
        found = run(rectangles[-1:])[0]
        print(f"  {name}: differs from PyTorch f32 by {np.abs(found - truth)[real].mean():.1e} on average", flush=True)
    speeds = {}
    for _ in range(args.rounds):
        for name, run in peers.items():
            run(rectangles[:: max(1, len(rectangles) // 4)])  # warm-up: buffers, and kernels made for a shape
            began = time.perf_counter()
            run(rectangles)
            speeds.setdefault(name, []).append(pieces / (time.perf_counter() - began))
        for kernel in kernels + ([] if args.no_candle else ["candle"]):
            speeds.setdefault("candle f32" if kernel == "candle" else f"mujaz {kernel}", []).append(mujaz(args, kernel))
        print("  round done", flush=True)
    print("| program | tokens/s, median | lowest | highest |\n|---|---|---|---|")
    for name, found in speeds.items():
        print(f"| {name} | {statistics.median(found):,.0f} | {min(found):,.0f} | {max(found):,.0f} |")
    median = {name: statistics.median(found) for name, found in speeds.items()}
    others = {n: s for n, s in median.items() if not n.startswith(("mujaz", "candle"))}
    for kernel in kernels:
        own = median[f"mujaz {kernel}"]
        for kind in ("f32", "bf16", "int8", ""):
            name = max((n for n in others if n.endswith(kind)), key=others.get)
            print(f"mujaz {kernel}: {own / others[name]:.2f} x the best {kind or 'peer of any precision'} ({name})")
        if "candle f32" in median:
            print(f"mujaz {kernel}: {own / median['candle f32']:.2f} x candle f32")


if __name__ == "__main__":
    main()
