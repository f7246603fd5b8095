import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startDaemon } from "./daemon.ts";
import { type Output, run } from "./run.ts";

/** Docker's daemon of one's own, with its state in one directory. Needs root. */
export interface Docker {
  /** Runs the `docker` client against it. */
  docker(
    args: readonly string[],
    options?: { readonly env?: NodeJS.ProcessEnv; readonly client?: string },
  ): Promise<Output>;
  stop(): Promise<void>;
}

/** What must be installed for {@link startDocker}. */
export const DOCKER_TOOLS = ["dockerd", "docker", "containerd", "runc"] as const;

/** Debian's own client, which carries BuildKit's `docker build`; another one may come first on the PATH. */
export const DEBIAN_DOCKER = "/usr/bin/docker";

/** Starts `dockerd` with neither network nor anything shared with another daemon. */
export async function startDocker(directory: string): Promise<Docker> {
  const config = join(directory, "config");
  const socket = join(directory, "docker.sock");
  await mkdir(config, { recursive: true });
  await writeFile(join(config, "config.json"), "{}");
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
  const docker: Docker["docker"] = (args, options = {}) =>
    run(options.client ?? "docker", args, { env: { ...env, ...options.env } });
  const daemon = await startDaemon(
    "dockerd",
    [
      "--iptables=false",
      "--ip6tables=false",
      "--bridge=none",
      "--storage-driver=overlay2",
      `--data-root=${join(directory, "data")}`,
      `--exec-root=${join(directory, "exec")}`,
      `--pidfile=${join(directory, "docker.pid")}`,
      `--host=unix://${socket}`,
    ],
    {
      log: join(directory, "dockerd.log"),
      env,
      ready: async () =>
        existsSync(socket) &&
        (await docker(["version"]).then(
          () => true,
          () => false,
        )),
    },
  );
  return {
    docker,
    async stop() {
      await daemon.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
