import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { temporaryRoot } from "../../support/temporary.ts";
import { type Daemon, startDaemon } from "./daemon.ts";

/** The name under which `itWith` looks for Debian's registry. */
export const DOCKER_REGISTRY = "docker-registry";

/** A docker-registry of one test file. */
export interface RegistryDaemon extends Daemon {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Where it keeps its blobs. */
  readonly directory: string;
  /** Every request so far: `GET /v2/`, `PUT /v2/hello/manifests/1`, in their order. */
  requests(): readonly string[];
}

/** How a registry is set up. */
export interface RegistryDaemonOptions {
  /** Allows pages of any origin to talk to it. */
  readonly cors?: boolean;
  /** Lines of an htpasswd file (bcrypt only): everything then needs Basic credentials. */
  readonly htpasswd?: string;
  /** Default: a new one. */
  readonly directory?: string;
}

/** `user` with the password `secret`. */
export const HTPASSWD = "user:$2b$05$8Qad9ZYeJt7QVnHqp2OWWe6DEbHc6FsCGt/7nGsRzA010MV4tt6HC\n";

/** Starts docker-registry on a port that is free. */
export async function startRegistry(options: RegistryDaemonOptions = {}): Promise<RegistryDaemon> {
  const home = temporaryRoot();
  const directory = options.directory ?? join(home, "blobs");
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = {
    version: 0.1,
    log: { accesslog: { disabled: false }, level: "warn" },
    storage: { filesystem: { rootdirectory: directory }, delete: { enabled: true } },
    http: { addr: host, ...(options.cors && { headers: CORS }) },
    ...(options.htpasswd && { auth: { htpasswd: { realm: "test", path: join(home, "htpasswd") } } }),
  };
  if (options.htpasswd) writeFileSync(join(home, "htpasswd"), options.htpasswd);
  // JSON is YAML.
  writeFileSync(join(home, "registry.yml"), JSON.stringify(config));
  const log = join(home, "log");
  const daemon = await startDaemon("docker-registry", ["serve", join(home, "registry.yml")], {
    log,
    ready: async () => {
      try {
        return (await fetch(`http://${host}/v2/`)).status < 500;
      } catch {
        return false;
      }
    },
  });
  return {
    ...daemon,
    host,
    directory,
    requests: () =>
      [...readFileSync(log, "utf8").matchAll(/"([A-Z]+ \/v2\/\S*) HTTP/g)].flatMap(([, request]) => request ?? []),
  };
}

const CORS = {
  "Access-Control-Allow-Origin": ["*"],
  "Access-Control-Allow-Methods": ["HEAD", "GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"],
  "Access-Control-Allow-Headers": ["Authorization", "Accept", "Content-Type", "Content-Range", "Range"],
  "Access-Control-Expose-Headers": [
    "Docker-Content-Digest",
    "Location",
    "Range",
    "Docker-Upload-UUID",
    "Link",
    "WWW-Authenticate",
  ],
};

/** It cannot choose one by itself. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
