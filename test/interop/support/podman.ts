import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Output, run } from "./run.ts";

/** Podman with a storage of its own. Needs root. */
export interface Podman {
  podman(args: readonly string[]): Promise<Output>;
  /** Loads an archive and gives the name under which podman has it. */
  load(file: string): Promise<string>;
  /** Runs a container of `image` without network and gives what it printed. */
  runImage(image: string, args?: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** What must be installed for {@link openPodman}. */
export const PODMAN_TOOLS = ["podman", "runc"] as const;

/** Podman has no daemon: this only gives it directories. `runc`, because crun refuses hybrid cgroups. */
export async function openPodman(directory: string): Promise<Podman> {
  await mkdir(directory, { recursive: true });
  const root = join(directory, "root");
  const options = ["--root", root, "--runroot", join(directory, "run"), "--storage-driver", "overlay"];
  options.push("--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc");
  const podman: Podman["podman"] = (args) => run("podman", [...options, ...args]);
  return {
    podman,
    async load(file) {
      const { stdout } = await podman(["load", "-i", file]);
      const name = /Loaded image(?:\(s\))?: (\S+)/.exec(stdout)?.[1];
      if (name === undefined) throw new Error(`podman did not say what it loaded:\n${stdout}`);
      return name;
    },
    async runImage(image, args = []) {
      const limits = ["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=4096:4096"];
      const { stdout } = await podman(["run", "--rm", ...limits, "--network", "none", image, ...args]);
      return stdout;
    },
    async stop() {
      await run("umount", [join(root, "overlay")]).catch(() => undefined);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
