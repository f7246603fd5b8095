// The peak memory of an export of one large file, above that of an idle Node.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judge } from "./goals.js";
import { MB, run } from "./measure.js";
import { heading, progress, table } from "./report.js";
import { slipway } from "./whole-export/contestants.js";

const MEBIBYTE = 1024 * 1024;
const GOAL = 128 * MB;

/**
 * Half noise, half zeros, so that it neither vanishes nor is stored.
 * @param {string} path
 * @param {number} mebibytes
 */
async function makeFile(path, mebibytes) {
  const file = await open(path, "w");
  const block = new Uint8Array(4 * MEBIBYTE);
  for (let at = 0; at < block.length / 2; at += 65536) crypto.getRandomValues(block.subarray(at, at + 65536));
  for (let written = 0; written < mebibytes; written += 4) {
    new DataView(block.buffer).setUint32(0, written);
    await file.write(block);
  }
  await file.close();
}

/** @param {import("./main.js").Bench} bench */
export async function benchMemory({ cli, quick }) {
  const work = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  try {
    const idle = await run(process.execPath, ["-e", "setTimeout(() => {}, 300)"]);
    heading("Peak memory of an export of one file");
    const rows = [["(idle Node)", (idle.peak / MB).toFixed(0), "", ""]];
    const sizes = quick ? [32] : [256, 2048];
    let above = 0;
    for (const mebibytes of sizes) {
      progress(`memory, ${mebibytes} MiB`);
      const tree = join(work, "tree");
      mkdirSync(tree);
      await makeFile(join(tree, "large.bin"), mebibytes);
      const { peak = 0, seconds } = await slipway({ cli, tree, work, name: "", jobs: 2 }).run();
      rmSync(tree, { recursive: true });
      above = peak - idle.peak;
      const speed = (mebibytes * MEBIBYTE) / MB / seconds;
      rows.push([`${mebibytes} MiB`, (peak / MB).toFixed(0), (above / MB).toFixed(0), speed.toFixed(1)]);
    }
    table(["file", "peak MB", "above idle MB", "MB/s"], rows);
    judge({
      id: "memory",
      input: `one file of ${sizes.at(-1)} MiB, half noise`,
      ours: `${(above / MB).toFixed(0)} MB`,
      peer: "",
      ratio: `${(above / GOAL).toFixed(2)} of 128 MB`,
      met: above < GOAL,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
