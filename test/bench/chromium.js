// Chromium beside Node: the compressor against the browser's own, and the same export in both.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { runnerImport } from "vite";
import { judgeSpeed, leaveOut } from "./goals.js";
import { MB, median, speedup } from "./measure.js";
import { heading, progress, table } from "./report.js";

const root = resolve(import.meta.dirname, "../..");

/** @typedef {import("./chromium/measure.ts").ChromiumRound} ChromiumRound */

/**
 * Serves a file to pages of other origins.
 * @param {string} path
 */
async function serve(path) {
  const server = createServer((_, response) => {
    response.setHeader("access-control-allow-origin", "*");
    createReadStream(path).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** @param {import("./main.js").Bench} bench */
export async function benchChromium({ set, rounds }) {
  const { path, bytes: size, label } = set.sample("node_modules");
  /** @type {{ module: typeof import("../engines/index.ts") }} */
  const { module } = await runnerImport(join(root, "test/engines/index.ts"), {
    root,
    configFile: false,
    logLevel: "error",
  });
  const engines = module.engines.filter(({ name }) => name === "Chromium" || name === "Node");
  heading(`Chromium and Node, ${label}, median of ${rounds}`);
  const absent = engines.find(({ missing }) => missing !== undefined);
  if (absent !== undefined) {
    leaveOut("chromiumGzip", "`CompressionStream`", `no ${absent.missing}`);
    leaveOut("chromiumExport", "Node", `no ${absent.missing}`);
    return;
  }
  const server = await serve(path);
  /** @type {Map<string, { version: string, rounds: ChromiumRound[] }>} */
  const found = new Map();
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const engine of engines) {
        // Each round is a fresh process, so that the engines take turns.
        const { version, value } = await engine.run(join(root, "test/bench/chromium"), {
          argument: { address: server.origin },
          policy: `default-src 'self'; connect-src 'self' ${server.origin}`,
        });
        const before = found.get(engine.name)?.rounds ?? [];
        found.set(engine.name, { version, rounds: [...before, /** @type {ChromiumRound} */ (value)] });
      }
      const told = [...found].map(([name, all]) => `${name} ${all.rounds.at(-1)?.export.toFixed(2)}`);
      progress(`chromium, round ${round} of ${rounds}: export ${told.join(", ")} s`);
    }
  } finally {
    server.close();
  }

  const seconds = (/** @type {string} */ name, /** @type {"first" | "gzip" | "native" | "export"} */ what) =>
    (found.get(name)?.rounds ?? []).map((round) => round[what]);
  const speed = (/** @type {number[]} */ all) => (size / MB / median(all)).toFixed(1);
  table(
    [
      "engine",
      "gzip 6, one thread, MB/s",
      "the first time",
      "`CompressionStream`, MB/s",
      "size beside it",
      "export in memory, two workers, MB/s",
    ],
    [...found].map(([name, { version, rounds: all }]) => [
      `${name} ${version}`,
      speed(seconds(name, "gzip")),
      speed(seconds(name, "first")),
      speed(seconds(name, "native")),
      ((all[0]?.gzipSize ?? Number.NaN) / (all[0]?.nativeSize ?? Number.NaN)).toFixed(4),
      speed(seconds(name, "export")),
    ]),
  );
  const [last] = found.get("Chromium")?.rounds ?? [];
  judgeSpeed({
    id: "chromiumGzip",
    input: label,
    ours: { figure: `${speed(seconds("Chromium", "gzip"))} MB/s`, size: last?.gzipSize },
    peer: {
      name: "`CompressionStream`",
      figure: `${speed(seconds("Chromium", "native"))} MB/s`,
      size: last?.nativeSize,
    },
    times: speedup(seconds("Chromium", "gzip"), seconds("Chromium", "native")),
    atLeast: 1.7,
    sizeAtMost: 1.01,
  });
  judgeSpeed({
    id: "chromiumExport",
    input: `${label}, in memory, two workers`,
    ours: { figure: `${speed(seconds("Chromium", "export"))} MB/s` },
    peer: { name: "Node", figure: `${speed(seconds("Node", "export"))} MB/s` },
    times: speedup(seconds("Chromium", "export"), seconds("Node", "export")),
    atLeast: 0.7,
  });
}
