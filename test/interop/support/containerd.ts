import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A containerd of our own, with everything it has under one temporary directory. */
export interface Containerd {
  /** Makes a committed snapshot out of a parent (or nothing) and what `change` does in its directory. */
  commit(name: string, parent: string | undefined, change: (root: string) => Promise<void>): Promise<void>;
  /** A file with the layer that containerd's differ writes, as an uncompressed tar: from `lower`, or of all of `upper`. */
  diff(lower: string | undefined, upper: string): Promise<string>;
  /** Runs `ctr` against it and gives what it prints. */
  ctr(...args: string[]): Promise<string>;
  /** Ends it and removes all that it had. */
  stop(): Promise<void>;
}

/** Starts containerd (with the native snapshotter) and waits until it answers. Needs root. */
export async function startContainerd(): Promise<Containerd> {
  const home = await mkdtemp(join(tmpdir(), "slipway-containerd-"));
  const socket = join(home, "c.sock");
  const config = join(home, "config.toml");
  await writeFile(
    config,
    [
      "version = 2",
      `root = ${JSON.stringify(join(home, "root"))}`,
      `state = ${JSON.stringify(join(home, "state"))}`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      "[grpc]",
      `address = ${JSON.stringify(socket)}`,
      "",
    ].join("\n"),
  );
  const daemon = spawn("containerd", ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-8192);
  });
  const ended = new Promise<void>((resolve) => {
    daemon.on("error", (error) => {
      log += error.message;
      resolve();
    });
    daemon.on("exit", () => resolve());
  });
  const stop = async (): Promise<void> => {
    if (daemon.exitCode === null) daemon.kill();
    await ended;
    await rm(home, { recursive: true, force: true });
  };
  const env = { ...process.env, CONTAINERD_ADDRESS: socket, CONTAINERD_SNAPSHOTTER: "native" };
  const ctr = async (...args: string[]): Promise<string> => (await execute("ctr", args, { env })).stdout;
  for (let attempt = 0; ; attempt++) {
    if (daemon.exitCode !== null || attempt === 300) {
      await stop();
      throw new Error(`containerd does not come up:\n${log}`);
    }
    if (await isThere(socket)) {
      const answers = await ctr("version").then(
        () => true,
        () => false,
      );
      if (answers) break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  let mounts = 0;
  let diffs = 0;
  return {
    ctr,
    async commit(name, parent, change) {
      const root = join(home, `mount-${mounts++}`);
      await mkdir(root);
      await ctr("snapshots", "prepare", `${name}-active`, ...(parent === undefined ? [] : [parent]));
      const mount = await ctr("snapshots", "mounts", root, `${name}-active`);
      await execute("sh", ["-ec", mount]);
      try {
        await change(root);
      } finally {
        await execute("umount", [root]);
      }
      await ctr("snapshots", "commit", name, `${name}-active`);
    },
    async diff(lower, upper) {
      const file = join(home, `diff-${diffs++}.tar`);
      const snapshots = lower === undefined ? [upper] : [lower, upper];
      const command =
        'out=$1; shift; exec ctr snapshots diff --media-type application/vnd.oci.image.layer.v1.tar "$@" >"$out"';
      await execute("sh", ["-ec", command, "sh", file, ...snapshots], { env });
      return file;
    },
    stop,
  };
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
