// `docker build` by a daemon of our own, and `docker push` of what it made to a registry on this machine.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { has, isRoot } from "../machine.js";
import { run } from "../measure.js";
import { bytesIn } from "./contestants.js";

/** @typedef {import("./contestants.js").Tool} Tool */

/** Debian's, which brings BuildKit; another one on the PATH may want a plugin for it. */
const CLIENT = "/usr/bin/docker";

const PATIENCE = 60_000;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Waits until something works.
 * @param {string} what
 * @param {() => unknown} attempt
 */
async function until(what, attempt) {
  for (const deadline = Date.now() + PATIENCE; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what} did not come up`, { cause: error });
      await sleep(100);
    }
  }
}

/** Programs that this run started. */
class Daemon {
  #child;

  /**
   * @param {string} command
   * @param {readonly string[]} args
   */
  constructor(command, args) {
    this.#child = spawn(command, [...args], { stdio: "ignore" });
    this.#child.on("error", () => undefined);
  }

  async stop() {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    await ended;
    clearTimeout(timer);
  }
}

/**
 * Two contestants on one daemon: the build alone, which keeps its layer uncompressed, and build and push, which compresses it.
 * @param {{ tree: string, work: string }} options
 * @returns {Promise<readonly Tool[]>}
 */
export async function docker({ tree, work }) {
  const missing = ["dockerd", CLIENT].find((tool) => !has(tool)) ?? (isRoot ? undefined : "root");
  const noRegistry = missing ?? (has("docker-registry") ? undefined : "docker-registry");
  const build = { name: "docker build (layer kept uncompressed)", missing };
  const push = { name: "docker build and push (layer compressed)", missing: noRegistry };
  const absent = async () => {
    throw new Error(`${missing} is not there`);
  };
  if (missing !== undefined) {
    return [
      { ...build, run: absent },
      { ...push, run: absent },
    ];
  }

  const directory = join(work, "docker");
  const data = join(directory, "data");
  const registryData = join(directory, "registry");
  mkdirSync(join(directory, "config"), { recursive: true });
  mkdirSync(registryData);
  writeFileSync(join(directory, "config/config.json"), "{}");
  writeFileSync(join(directory, "Dockerfile"), "FROM scratch\nCOPY . /\n");
  const socket = `unix://${join(directory, "docker.sock")}`;
  const env = { DOCKER_HOST: socket, DOCKER_CONFIG: join(directory, "config"), DOCKER_BUILDKIT: "1" };
  const client = (/** @type {readonly string[]} */ args) =>
    execFileSync(CLIENT, [...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const daemon = new Daemon("dockerd", [
    ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "overlay2"],
    ...["--data-root", data, "--exec-root", join(directory, "exec"), "-p", join(directory, "pid"), "-H", socket],
  ]);
  const port = await freePort();
  /** @type {Daemon | undefined} */
  let registry;
  const close = async () => {
    await registry?.stop();
    await daemon.stop();
    unmountBelow(directory);
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  };
  try {
    await until("dockerd", () => client(["version"]));
    if (noRegistry === undefined) {
      const config = join(directory, "registry.yml");
      writeFileSync(
        config,
        `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${registryData}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
      );
      registry = new Daemon("docker-registry", ["serve", config]);
      await until("docker-registry", async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).text());
    }
  } catch (error) {
    await close();
    throw error;
  }

  const name = `127.0.0.1:${port}/bench:1`;
  /** Nothing of an earlier build is of use to the next one. */
  const forget = () => {
    try {
      client(["image", "rm", "--force", name]);
    } catch {
      // It was not there.
    }
    client(["builder", "prune", "--all", "--force"]);
    rmSync(join(registryData, "docker"), { recursive: true, force: true });
  };
  const buildArgs = ["build", "--quiet", "--no-cache", "-f", join(directory, "Dockerfile"), "-t", name, tree];
  return [
    {
      ...build,
      run: async () => {
        forget();
        const { seconds } = await run(CLIENT, buildArgs, { env });
        return { seconds, size: Number(client(["image", "inspect", "--format", "{{.Size}}", name]).toString()) };
      },
      close,
    },
    {
      ...push,
      run: async () => {
        forget();
        const built = await run(CLIENT, buildArgs, { env });
        const pushed = await run(CLIENT, ["push", "--quiet", name], { env });
        return { seconds: built.seconds + pushed.seconds, size: bytesIn(registryData) };
      },
    },
  ];
}

/**
 * What a daemon mounted and left.
 * @param {string} directory
 */
function unmountBelow(directory) {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${directory}/`));
  for (const path of mounts.reverse()) execFileSync("umount", [path], { stdio: "ignore" });
}
