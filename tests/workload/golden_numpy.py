"""Checks the golden of paged_attention_unroll against attention written out densely.

Takes a folder with the arrays of one case (query, key, value, table, lengths, config, golden; raw,
little-endian). For each sequence it gathers keys and values through the block table and computes
softmax(q k^T scale) v in double precision, in one piece: no blocks, no running maxima. Exits 0 when
the golden agrees, 1 when it does not, 77 when numpy is missing.
"""
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is missing (Debian: python3-numpy)")
    sys.exit(77)

# The golden rounds its weights to bf16, to nearest: each is off by at most 2^-9 of itself, and so is their
# sum. Values are below 1, so a result is off by at most twice that; a lone token is exact.
BOUND = 2.0 * 2.0**-9


def read(folder, name, dtype):
    return np.fromfile(f"{folder}/{name}", dtype=dtype)


def read_bf16(folder, name):
    bits = read(folder, name, "<u2").astype(np.uint32) << 16
    return bits.view(np.float32).astype(np.float64)


def dense(query, keys, values, scale):
    scores = query @ keys.T * scale
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ values


def main(folder):
    config = read(folder, "config", "<i8")
    batch, heads, _, head_dim, block, width = (int(x) for x in config[:6])
    scale = float(np.array([config[6]], dtype="<u4").view(np.float32)[0])
    query = read_bf16(folder, "query").reshape(batch, heads, head_dim)
    keys = read_bf16(folder, "key").reshape(-1, block, head_dim)
    values = read_bf16(folder, "value").reshape(-1, block, head_dim)
    table = read(folder, "table", "<i4").reshape(batch, width)
    lengths = read(folder, "lengths", "<i4")
    golden = read(folder, "golden", "<f4").reshape(batch, heads, head_dim)

    worst = 0.0
    for s, length in enumerate(lengths):
        blocks = table[s, : -(-length // block)]
        expected = dense(
            query[s],
            keys[blocks].reshape(-1, head_dim)[:length],
            values[blocks].reshape(-1, head_dim)[:length],
            scale,
        )
        difference = np.abs(golden[s] - expected).max()
        bound = 1e-6 if length == 1 else BOUND
        if not difference <= bound:
            print(f"sequence {s} of {length} tokens: off by {difference:.3g}, more than {bound:.3g}")
            return 1
        worst = max(worst, difference)
    print(f"# {batch} sequences, {heads} heads of {head_dim}: off by at most {worst:.2g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
