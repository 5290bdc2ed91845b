"""What can be checked without a peer: python3 -m unittest discover bench/peers"""

import json
import os
import pathlib
import struct
import tempfile
import unittest

import accuracy
import engines
import measure
import report
from cases import CASES, Row
from common import Failed
from gguf_header import BOOL, STRING, UINT32, Header, padded, string, write_with
from weights import as_llada, check_types

STAT = """cpu  900 0 100 9000 0 0 0 0 0 0
cpu0 400 10 90 4000 500 0 0 0 0 0
cpu1 500 0 0 4000 0 1 2 3 7 0
cpu2 999 0 0 0 0 0 0 0 0 0
"""


def rounds_of(*pairs):
    return [measure.Round({"decode": peer}, {"decode": pent}, 0.0) for peer, pent in pairs]


KL_DIVERGENCE = """
chunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence              Δp RMS            Same top p
   1      12.3456 ±    1.2345       0.00123 ±    0.00045       0.00234 ±    0.00006     1.234 ±  0.050 %    97.647 ±  0.950 %

====== Perplexity statistics ======
Mean PPL(Q)                   :  14.924512 ±   0.451234
Mean PPL(base)                :  14.870001 ±   0.450000
====== KL divergence statistics ======
Mean    KLD:   0.002341 ±   0.000021
Maximum KLD:   0.412345
====== Token probability statistics ======
Same top p: 96.912 ± 0.190 %
"""


class Accuracy(unittest.TestCase):
    def test_reads_the_figures_behind_the_table(self):
        self.assertEqual(accuracy.llama_figures(KL_DIVERGENCE),
                         {"perplexity": 14.924512, "precise_perplexity": 14.870001, "kl": 0.002341, "same_best": 96.912 / 100})

    def test_the_text_is_cut_to_whole_windows(self):
        for letters in (3, 7):  # a token
            kept = accuracy.cut("x" * 100_000, 5, lambda text: len(text) // letters)
            self.assertEqual(len(kept) // letters // accuracy.WINDOW, 5)
        with self.assertRaises(SystemExit):
            accuracy.cut("x" * 100, 5, len)


class Measuring(unittest.TestCase):
    def test_only_our_cpus_count_and_waiting_is_not_work(self):
        busy, total = measure.parse_stat(STAT, {0, 1})
        hertz = os.sysconf("SC_CLK_TCK")
        self.assertAlmostEqual(busy, (500 + 506) / hertz)
        self.assertAlmostEqual(total, (5000 + 4506) / hertz)

    def test_own_work_is_not_others(self):
        self.assertAlmostEqual(measure.others_share(busy=3.0, total=4.0, own=2.9), 0.025)
        self.assertEqual(measure.others_share(busy=2.9, total=4.0, own=3.0), 0.0)

    def test_a_round_in_which_the_peer_fell_below_nine_tenths_does_not_count(self):
        kept = measure.undisturbed(rounds_of((100, 200), (89, 190), (90, 198)), "decode")
        self.assertEqual([each.peer["decode"] for each in kept], [100, 90])

    def test_ratios_are_taken_round_by_round(self):
        row = measure.summary(rounds_of((100, 200), (95, 209), (98, 294)), Row("x", "decode", "decode", 2, 3))
        self.assertEqual(row["ratio"], {"min": 2.0, "median": 2.2, "max": 3.0})

    def test_turns_alternate(self):
        order = []

        def figure(name):
            return lambda: order.append(name) or {"decode": 1}
        measure.alternate(figure("peer"), figure("pent"), 2, tell=lambda number: None)
        self.assertEqual(order, ["peer", "pent", "peer", "pent"])


class Reading(unittest.TestCase):
    def test_llama_bench(self):
        self.assertEqual(engines.llama_bench_speed('[\n {"avg_ts": 9, "samples_ts": [ 5.5, 7, 6 ]\n }\n]\n'), 6)

    def test_llama_batched_bench(self):
        text = 'main: x\n{"pl": 32, "speed_tg": 390.0}\n{"pl": 1, "speed_tg": 1}\n{"pl": 32, "speed_tg": 392.0}\n'
        self.assertEqual(engines.batched_bench_speed(text, 32), 391)
        with self.assertRaises(Failed):
            engines.batched_bench_speed("", 32)

    def test_llama_diffusion_cli(self):
        text = "".join(f"\rdiffusion step: {i}/4 [==  ] {25 * i}%" for i in range(4)) + \
            "\ntotal time: 8000.00ms, time per step: 2000.00ms, sampling time per step: 500.00ms\n"
        self.assertEqual(engines.diffusion_speeds(text, 16, 4), {"end_to_end": 2, "forwards_alone": 16 / 6})
        with self.assertRaises(Failed):
            engines.diffusion_speeds(text, 16, 5)

    def test_pent(self):
        text = json.dumps({"decode": [{"streams": 1, "tokens_per_second": 3}, {"streams": 32, "tokens_per_second": 4}]})
        self.assertEqual(engines.pent_speed(text, "decode", "streams", 32), 4)
        with self.assertRaises(Failed):
            engines.pent_speed(text, "decode", "streams", 8)

    def test_cpu_facts(self):
        facts = report.cpu_facts("model name\t: Some CPU\nflags\t\t: fpu avx2 avx512_vnni\n\nmodel name\t: again\n")
        self.assertEqual(facts, {"model": "Some CPU", "features": ["avx2", "avx512_vnni"]})


class Files(unittest.TestCase):
    PAIRS = [("general.architecture", STRING, string("llama")), ("llama.block_count", UINT32, struct.pack("<I", 1)),
             ("tokenizer.ggml.tokens", 9, struct.pack("<IQ", STRING, 2) + string("a") + string("<empty_output>")),
             ("tokenizer.chat_template", STRING, string("{{ x }}"))]

    def file_in(self, folder):
        """One tensor of eight float32."""
        head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(self.PAIRS))
        head += b"".join(string(key) + struct.pack("<I", kind) + raw for key, kind, raw in self.PAIRS)
        head += string("output_norm.weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
        path = pathlib.Path(folder) / "llama.gguf"
        path.write_bytes(head.ljust(padded(len(head), 32), b"\0") + bytes(range(32)))
        return path

    def test_relabelling_changes_the_metadata_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            header = Header(self.file_in(folder))
            self.assertEqual(header.pairs, self.PAIRS)
            target = pathlib.Path(folder) / "llada.gguf"
            mask_id = header.strings("tokenizer.ggml.tokens").index("<empty_output>")
            write_with(header, as_llada(header.pairs, mask_id), target)
            found = Header(target)
            self.assertEqual(found.types, {"output_norm.weight": ("f32", 1)})
            self.assertEqual(found.pairs, [
                ("general.architecture", STRING, string("llada")), ("llada.block_count", UINT32, struct.pack("<I", 1)),
                self.PAIRS[2], ("llada.attention.causal", BOOL, b"\0"),
                ("tokenizer.ggml.mask_token_id", UINT32, struct.pack("<I", 1)),
                ("diffusion.shift_logits", BOOL, b"\0")])
            self.assertEqual(target.read_bytes()[found.data_begin:], bytes(range(32)))

    def test_a_matrix_of_another_type_is_refused(self):
        types = {"token_embd.weight": ("q8_0", 2), "output_norm.weight": ("f32", 1), "blk.0.attn_q.weight": ("q4_0", 2)}
        check_types(types, "q4_0")
        with self.assertRaises(SystemExit):
            check_types(types | {"token_embd.weight": ("q6_k", 2)}, "q4_0")


class Table(unittest.TestCase):
    def test_every_line_is_as_long_as_its_columns(self):
        rounds = [measure.Round({row.peer: 100.0 for case in CASES for row in case.rows},
                                {row.pent: 250.0 for case in CASES for row in case.rows}, 0.0)]
        for case in CASES:
            for row in case.rows:
                line = report.table_line(measure.summary(rounds, row), 1, 1)
                self.assertEqual(line.index("|"), 63, line)
                verdict = "" if row.at_least is None else "  holds" if row.at_least <= 2.5 else "  MISSED"
                self.assertTrue(line.endswith("1 of 1" + verdict), line)


if __name__ == "__main__":
    unittest.main()
