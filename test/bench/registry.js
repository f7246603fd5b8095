// Measures pushes and pulls against Debian's docker-registry on loopback: time beside skopeo and docker, what goes over the wire, memory.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";
import { interleave, median, run } from "./measure.js";
import { appendLayer } from "./registry/append.js";
import { countingProxy } from "./registry/counting-proxy.js";
import { makeLayout } from "./registry/sample.js";
import { say } from "./report.js";

const MB = 1e6;
const IMAGE = "docker.io/library/bench:1";
const program = (/** @type {string} */ name) => join(import.meta.dirname, "registry", name);

/** @param {string} name */
const has = (name) => {
  try {
    execFileSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** @param {string} path */
async function load(path) {
  const file = fileURLToPath(new URL(path, import.meta.url));
  return (await runnerImport(file, { configFile: false, logLevel: "error" })).module;
}

/** @param {number} rounds */
export async function benchRegistry(rounds) {
  if (!has("docker-registry")) {
    say("\n## Registries: left out, docker-registry is not installed");
    return;
  }
  /** @type {typeof import("../interop/support/registry.ts")} */
  const { startRegistry } = await load("../interop/support/registry.ts");
  /** @type {typeof import("../interop/support/docker.ts")} */
  const { startDocker } = await load("../interop/support/docker.ts");
  const work = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const withDocker = process.getuid?.() === 0 && ["dockerd", "docker", "containerd", "runc"].every(has);
  const docker = withDocker ? await startDocker(join(work, "docker")) : undefined;
  let made = 0;
  try {
    const layout = join(work, "image");
    const image = await makeLayout(layout, IMAGE, [
      { kind: "noise", size: 120 * MB, seed: 1 },
      { kind: "noise", size: 120 * MB, seed: 2 },
      { kind: "text", size: 180 * MB, seed: 3 },
    ]);
    const base = await startRegistry();
    const name = `${base.host}/base:1`;
    await run("node", [program("push.js"), layout, IMAGE, name]);
    await pushes(image.bytes);
    await pulls(image.bytes);
    await base.stop();
    rmSync(layout, { recursive: true });

    /** @param {number} bytes */
    async function pushes(bytes) {
      if (docker) await docker.docker(["pull", name]);
      /**
       * To a registry that has nothing yet.
       * @param {(host: string) => Promise<{ seconds: number, peak: number }>} push
       */
      const toEmpty = async (push) => {
        const directory = join(work, `registry-${made++}`);
        const registry = await startRegistry({ directory });
        try {
          return await push(registry.host);
        } finally {
          await registry.stop();
          rmSync(directory, { recursive: true, force: true });
        }
      };
      const contestants = [
        {
          name: "slipway",
          run: () => toEmpty((host) => run("node", [program("push.js"), layout, IMAGE, `${host}/bench:1`])),
        },
      ];
      if (has("skopeo")) {
        contestants.push({
          name: "skopeo copy",
          run: () =>
            toEmpty((host) =>
              run("skopeo", ["copy", "--dest-tls-verify=false", `oci:${layout}:1`, `docker://${host}/bench:1`]),
            ),
        });
      }
      if (docker) {
        contestants.push({
          name: "docker push (compresses the layers anew)",
          run: () =>
            toEmpty(async (host) => {
              await docker.docker(["tag", name, `${host}/bench:1`]);
              const start = performance.now();
              await docker.docker(["push", `${host}/bench:1`]);
              const seconds = (performance.now() - start) / 1000;
              await docker.docker(["image", "rm", `${host}/bench:1`]);
              return { seconds, peak: Number.NaN };
            }),
        });
      }
      say(`\n## Push of an image of ${(bytes / MB).toFixed(0)} MB to docker-registry, median of ${rounds}\n`);
      table(await interleave(contestants, rounds), bytes);
      if (docker) await docker.docker(["image", "rm", name]);
    }

    /** @param {number} bytes */
    async function pulls(bytes) {
      /** @param {(directory: string) => Promise<{ seconds: number, peak: number }>} pull */
      const intoNew = async (pull) => {
        const directory = join(work, `pulled-${made++}`);
        const result = await pull(directory);
        rmSync(directory, { recursive: true, force: true });
        return result;
      };
      const contestants = [
        { name: "slipway", run: () => intoNew((directory) => run("node", [program("pull.js"), name, directory])) },
      ];
      if (has("skopeo")) {
        contestants.push({
          name: "skopeo copy",
          run: () =>
            intoNew((directory) =>
              run("skopeo", ["copy", "--src-tls-verify=false", `docker://${name}`, `oci:${directory}:1`]),
            ),
        });
      }
      if (docker) {
        contestants.push({
          name: "docker pull (unpacks the layers)",
          run: async () => {
            const start = performance.now();
            await docker.docker(["pull", name]);
            const seconds = (performance.now() - start) / 1000;
            await docker.docker(["image", "rm", name]);
            return { seconds, peak: Number.NaN };
          },
        });
      }
      say(`\n## Pull of the same image into a layout directory, median of ${rounds}\n`);
      table(await interleave(contestants, rounds), bytes);
    }

    await wire(startRegistry, work);
    await memory(startRegistry, work);
  } finally {
    await docker?.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {Awaited<ReturnType<typeof interleave>>} results
 * @param {number} bytes
 */
function table(results, bytes) {
  const own = median(results.get("slipway")?.seconds ?? []);
  say("| | seconds | MB/s | peak memory MB | time beside slipway |");
  say("|---|---|---|---|---|");
  for (const [name, { seconds: all, peak }] of results) {
    const seconds = median(all);
    const memory = Number.isNaN(peak) ? "in the daemon" : (peak / MB).toFixed(0);
    say(
      `| ${name} | ${seconds.toFixed(2)} | ${(bytes / MB / seconds).toFixed(0)} | ${memory} | ${(seconds / own).toFixed(2)} × |`,
    );
  }
}

/**
 * What goes over the wire.
 * @param {typeof import("../interop/support/registry.ts").startRegistry} startRegistry
 * @param {string} work
 */
async function wire(startRegistry, work) {
  const layout = join(work, "wire");
  const image = await makeLayout(layout, IMAGE, [
    { kind: "noise", size: 100 * MB, seed: 4 },
    { kind: "noise", size: 100 * MB, seed: 5 },
    { kind: "noise", size: 100 * MB, seed: 6 },
  ]);
  const registry = await startRegistry();
  try {
    const rows = [];
    /**
     * @param {string} title
     * @param {(host: string) => Promise<unknown>} work
     */
    const count = async (title, work) => {
      const proxy = await countingProxy(registry.host);
      const before = registry.requests().length;
      await work(proxy.host);
      /** @type {Map<string, number>} */
      const methods = new Map();
      // The asking whether it is up may be logged late.
      for (const line of registry
        .requests()
        .slice(before)
        .filter((line) => !line.endsWith(" /v2/"))) {
        const [method = ""] = line.split(" ");
        methods.set(method, (methods.get(method) ?? 0) + 1);
      }
      const shown = [...methods].map(([method, number]) => `${number} ${method}`).join(", ");
      rows.push(`| ${title} | ${shown} | ${proxy.sent} | ${proxy.received} |`);
      await proxy.close();
    };
    const push = (/** @type {string} */ host) => run("node", [program("push.js"), layout, IMAGE, `${host}/base:1`]);
    await count("first push", push);
    await count("second push, nothing changed", push);
    await count("build on it with one small layer, and push that beside it", (host) =>
      appendLayer(`${host}/base:1`, `${host}/hello:1`),
    );
    say(`\n## On the wire: an image of ${(image.bytes / MB).toFixed(0)} MB, docker-registry\n`);
    say("| | requests | bytes sent, with heads | bytes received |\n|---|---|---|---|");
    for (const row of rows) say(row);
  } finally {
    await registry.stop();
    rmSync(layout, { recursive: true });
  }
}

/**
 * @param {typeof import("../interop/support/registry.ts").startRegistry} startRegistry
 * @param {string} work
 */
async function memory(startRegistry, work) {
  const layout = join(work, "large");
  const image = await makeLayout(layout, IMAGE, [{ kind: "noise", size: 1000 * MB, seed: 7 }]);
  const directory = join(work, "large-registry");
  const registry = await startRegistry({ directory });
  try {
    const idleProgram = join(work, "idle.js");
    writeFileSync(idleProgram, "setTimeout(() => {}, 300);\n");
    const idle = await run("node", [idleProgram]);
    const name = `${registry.host}/large:1`;
    const push = await run("node", [program("push.js"), layout, IMAGE, name]);
    const pull = await run("node", [program("pull.js"), name, join(work, "large-pulled")]);
    rmSync(join(work, "large-pulled"), { recursive: true });
    say(`\n## Peak memory for one layer of ${(image.bytes / MB).toFixed(0)} MB\n`);
    say("| | peak memory MB | above idle (goal: under 100) | seconds |\n|---|---|---|---|");
    say(`| idle Node | ${(idle.peak / MB).toFixed(0)} | | |`);
    for (const [title, { peak, seconds }] of /** @type {const} */ ([
      ["push", push],
      ["pull into a layout directory", pull],
    ])) {
      const above = ((peak - idle.peak) / MB).toFixed(0);
      say(`| ${title} | ${(peak / MB).toFixed(0)} | ${above} | ${seconds.toFixed(1)} |`);
    }
  } finally {
    await registry.stop();
    rmSync(layout, { recursive: true });
  }
}
