import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { copyImage, verifyImage, writeArchive } from "../../src/archive/index.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import type { PushableImage } from "../../src/exporter/image-pusher.ts";
import { digestOf } from "../../src/hash/index.ts";
import { nodeHasher } from "../../src/node/index.ts";
import { type Descriptor, DOCKER_TYPES, OCI_TYPES, serialiseIndex } from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/create-registry.ts";
import {
  blobBytes,
  type SampleImage,
  type SampleLayer,
  type SampleOptions,
  sampleImage,
  sampleIndex,
} from "../support/sample-image.ts";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";
import { type Containerd, startContainerd } from "./support/containerd.ts";
import { DOCKER_TOOLS, type Docker, startDocker } from "./support/docker.ts";
import { openPodman, PODMAN_TOOLS, type Podman } from "./support/podman.ts";
import { DOCKER_REGISTRY, HTPASSWD, type RegistryDaemon, startRegistry } from "./support/registry.ts";
import { run } from "./support/run.ts";

const GREETING = "hello from a registry\n";

const layersOf = (greeting: string): readonly SampleLayer[] => [
  {
    bin: { type: "directory" },
    "bin/busybox": { content: readFileSync("/bin/busybox"), mode: 0o755 },
    "bin/cat": { type: "symlink", linkName: "busybox", mode: 0o777 },
    "srv/greeting": "not this one\n",
  },
  { srv: { type: "directory" }, "srv/greeting": greeting },
];

const sampleOf = (options: SampleOptions = {}, content = createMemoryContentStore({ hasher: nodeHasher })) =>
  sampleImage(content, {
    config: { Entrypoint: ["/bin/cat"], Cmd: ["/srv/greeting"], Env: ["PATH=/bin"] },
    layers: layersOf(GREETING),
    ...options,
  });

/** What is pushed for the others, by the name it is pushed under. `runs`: the image of this machine's platform. */
interface Pushed {
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly runs: SampleImage;
}

const KINDS = ["an OCI image", "a Docker image", "an OCI index", "a Docker manifest list"] as const;
type Kind = (typeof KINDS)[number];

/** The architecture of containers here, in the images' words. */
const ARCHITECTURE = { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch;
const OTHER = ARCHITECTURE === "arm64" ? "amd64" : "arm64";

async function make(kind: Kind): Promise<{ image: PushableImage; runs: SampleImage }> {
  const docker = kind.includes("Docker");
  const native = await sampleOf({ docker, platform: { os: "linux", architecture: ARCHITECTURE } });
  if (kind.endsWith("image")) return { image: native, runs: native };
  const { content } = native;
  const layers = layersOf("not for this machine\n");
  const other = await sampleOf({ docker, platform: { os: "linux", architecture: OTHER }, layers }, content);
  if (!docker) return { image: await sampleIndex([other, native]), runs: native };
  const manifests = [other, native].map(({ descriptor, platform }) => ({ ...descriptor, platform }));
  const bytes = serialiseIndex({ schemaVersion: 2, mediaType: DOCKER_TYPES.index, manifests });
  const writer = await content.writer({ ref: "list" });
  await writer.write(bytes);
  const { digest, size } = await writer.commit();
  return { image: { content, descriptor: { mediaType: DOCKER_TYPES.index, digest, size } }, runs: native };
}

const daemons: {
  registry?: Promise<RegistryDaemon>;
  guarded?: Promise<RegistryDaemon>;
  docker?: Promise<Docker>;
  podman?: Promise<Podman>;
  containerd?: Promise<Containerd>;
} = {};
const open = (): Promise<RegistryDaemon> => (daemons.registry ??= startRegistry());
const guarded = (): Promise<RegistryDaemon> => (daemons.guarded ??= startRegistry({ htpasswd: HTPASSWD }));
const docker = (): Promise<Docker> => (daemons.docker ??= startDocker(join(temporaryRoot(), "d")));
const podman = (): Promise<Podman> => (daemons.podman ??= openPodman(join(temporaryRoot(), "p")));
const containerd = (): Promise<Containerd> => (daemons.containerd ??= startContainerd());
afterAll(async () => {
  for (const daemon of Object.values(daemons)) await (await daemon).stop();
});

const registry = createRegistry();
const login = createRegistry({ credentials: () => ({ username: "user", password: "secret" }) });

const pushed = new Map<Kind, Promise<Pushed>>();
/** Pushed by us, once. */
function ours(kind: Kind): Promise<Pushed> {
  let done = pushed.get(kind);
  if (done === undefined) {
    done = (async () => {
      const { image, runs } = await make(kind);
      const name = `${(await open()).host}/${kind.split(" ").slice(1).join("-").toLowerCase()}:1`;
      const { descriptor } = await registry.push(image, name);
      expect(descriptor).toMatchObject(image.descriptor);
      const bytes = await blobBytes(runs.content, descriptor.digest);
      return { name, descriptor, bytes, runs };
    })();
    pushed.set(kind, done);
  }
  return done;
}

/** Pulled by us, verified down to the layers' contents. */
async function pulled(name: string, from = registry): Promise<{ descriptor: Descriptor; diffIDs: readonly string[] }> {
  const found = await from.source(name).resolve();
  const content = createMemoryContentStore({ hasher: nodeHasher });
  const { manifests } = await copyImage(found.content, content, found.descriptor);
  await verifyImage(content, found.descriptor, { diffIDs: true });
  return { descriptor: found.descriptor, diffIDs: manifests[0]?.diffIDs ?? [] };
}

const NEEDS = [DOCKER_REGISTRY, "busybox"];
const INSECURE = "--tls-verify=false";

describe("skopeo", () => {
  const TOOLS = [...NEEDS, "skopeo"];

  for (const kind of KINDS) {
    itWith(TOOLS, `sees and copies ${kind} that we pushed`, async () => {
      const { name, bytes, runs } = await ours(kind);
      const { stdout } = await run("skopeo", ["inspect", "--raw", INSECURE, `docker://${name}`]);
      expect(stdout).toBe(new TextDecoder().decode(bytes));
      const directory = temporaryDirectory();
      const options = ["--all", "--preserve-digests", "--src-tls-verify=false"];
      await run("skopeo", ["copy", ...options, `docker://${name}`, `dir:${directory}`]);
      expect(new Uint8Array(readFileSync(join(directory, "manifest.json")))).toEqual(bytes);
      for (const { digest } of [...runs.layers, runs.config]) {
        expect(digestOf(readFileSync(join(directory, digest.slice("sha256:".length))))).toBe(digest);
      }
    });
  }

  for (const format of ["oci", "v2s2"] as const) {
    itWith(TOOLS, `copies an image of the format ${format} that we pull`, async () => {
      const image = await sampleOf();
      const directory = temporaryDirectory();
      const chunks: Uint8Array[] = [];
      const archive = { content: image.content, descriptor: image.descriptor, names: ["hello:1"] };
      for await (const chunk of writeArchive(archive, { format: "oci" })) chunks.push(chunk);
      writeFileSync(join(directory, "image.tar"), Buffer.concat(chunks));
      const name = `${(await open()).host}/from-skopeo:${format}`;
      const options = ["--dest-tls-verify=false", "--format", format, "--digestfile", join(directory, "digest")];
      await run("skopeo", ["copy", ...options, `oci-archive:${directory}/image.tar`, `docker://${name}`]);
      const found = await pulled(name);
      expect(found.descriptor).toMatchObject({
        digest: readFileSync(join(directory, "digest"), "utf8").trim(),
        mediaType: format === "oci" ? OCI_TYPES.manifest : DOCKER_TYPES.manifest,
      });
      expect(found.diffIDs).toEqual(image.diffIDs);
    });
  }

  itWith(TOOLS, "finds with a password what we pushed with it", async () => {
    const { host } = await guarded();
    const image = await sampleOf();
    await login.push(image, `${host}/guarded:1`);
    const address = `docker://${host}/guarded:1`;
    const { stdout } = await run("skopeo", ["inspect", INSECURE, "--creds", "user:secret", address]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: image.descriptor.digest });
    expect((await pulled(`${host}/guarded:1`, login)).descriptor.digest).toBe(image.descriptor.digest);
    const unauthenticated = expect.objectContaining({ code: "UNAUTHENTICATED" });
    await expect(registry.source(`${host}/guarded:1`).resolve()).rejects.toEqual(unauthenticated);
    await expect(registry.push(image, `${host}/guarded:2`)).rejects.toEqual(unauthenticated);
    const wrong = createRegistry({ credentials: () => ({ username: "user", password: "wrong" }) });
    await expect(wrong.source(`${host}/guarded:1`).resolve()).rejects.toEqual(unauthenticated);
  });
});

describe("docker", () => {
  const TOOLS = ["root", ...NEEDS, ...DOCKER_TOOLS];

  for (const kind of KINDS) {
    itWith(TOOLS, `pulls and runs ${kind} that we pushed`, async () => {
      const { docker: client } = await docker();
      const { name, descriptor, runs } = await ours(kind);
      const { stdout } = await client(["pull", name]);
      expect(stdout).toContain(`Digest: ${descriptor.digest}`);
      const id = await client(["image", "inspect", "--format", "{{.Id}} {{json .RootFS.Layers}}", name]);
      expect(id.stdout.trim()).toBe(`${runs.config.digest} ${JSON.stringify(runs.diffIDs)}`);
      expect((await client(["run", "--rm", "--network", "none", name])).stdout).toBe(GREETING);
      await client(["image", "rm", name]);
    });
  }

  itWith(TOOLS, "pushes what we pull, with a password too", async () => {
    const { docker: client } = await docker();
    const { name, runs } = await ours("a Docker image");
    const { host } = await guarded();
    await client(["login", "-u", "user", "-p", "secret", host]);
    await client(["pull", name]);
    for (const [target, from] of [
      [`${(await open()).host}/from-docker:1`, registry],
      [`${host}/from-docker:1`, login],
    ] as const) {
      await client(["tag", name, target]);
      const { stdout } = await client(["push", target]);
      const found = await pulled(target, from);
      expect(stdout).toContain(`digest: ${found.descriptor.digest} size: ${found.descriptor.size}`);
      expect(found.diffIDs).toEqual(runs.diffIDs);
      await client(["image", "rm", target]);
    }
    await client(["image", "rm", name]);
  });
});

describe("podman", () => {
  const TOOLS = ["root", ...NEEDS, ...PODMAN_TOOLS];

  for (const kind of KINDS) {
    itWith(TOOLS, `pulls and runs ${kind} that we pushed`, async () => {
      const { podman: client, runImage } = await podman();
      const { name, runs } = await ours(kind);
      await client(["pull", INSECURE, name]);
      const { stdout } = await client(["image", "inspect", "--format", "{{.Digest}} {{.Id}}", name]);
      const id = runs.config.digest.slice("sha256:".length);
      // Of an index podman names the digest of the manifest that it took, or that of the index, by its version.
      expect(stdout.trim().split(" ")[1]).toBe(id);
      expect(await runImage(name)).toBe(GREETING);
      await client(["image", "rm", name]);
    });
  }

  for (const format of ["oci", "v2s2"]) {
    itWith(TOOLS, `pushes in the format ${format} what we pull`, async () => {
      const { podman: client } = await podman();
      const { name, runs } = await ours("an OCI image");
      await client(["pull", INSECURE, name]);
      const target = `${(await open()).host}/from-podman:${format}`;
      const file = join(temporaryDirectory(), "digest");
      await client(["push", INSECURE, "--format", format, "--digestfile", file, name, target]);
      const found = await pulled(target);
      expect(found.descriptor.digest).toBe(readFileSync(file, "utf8").trim());
      expect(found.diffIDs).toEqual(runs.diffIDs);
      await client(["image", "rm", name]);
    });
  }

  itWith(TOOLS, "pulls with a password what we pushed with it", async () => {
    const { podman: client } = await podman();
    const { host } = await guarded();
    const name = `${host}/for-podman:1`;
    await login.push(await sampleOf(), name);
    await client(["pull", INSECURE, "--creds", "user:secret", name]);
    await client(["image", "rm", name]);
  });
});

describe("containerd", () => {
  const TOOLS = ["root", ...NEEDS, "containerd", "ctr"];

  for (const kind of KINDS) {
    itWith([...TOOLS, "runc"], `pulls and runs ${kind} that we pushed`, async () => {
      const { ctr } = await containerd();
      const { name, descriptor } = await ours(kind);
      await ctr("images", "pull", "--plain-http", name);
      expect(await ctr("images", "ls", `name==${name}`)).toContain(`${descriptor.mediaType} ${descriptor.digest}`);
      expect(await ctr("run", "--rm", name, `hello-${kind.replaceAll(" ", "-")}`)).toBe(GREETING);
      await ctr("images", "rm", "--sync", name);
    });
  }

  for (const kind of ["an OCI image", "an OCI index"] as const) {
    itWith(TOOLS, `pushes ${kind} that we pull, unchanged`, async () => {
      const { ctr } = await containerd();
      const { name, descriptor } = await ours(kind);
      await ctr("images", "pull", "--plain-http", "--all-platforms", name);
      const target = `${(await open()).host}/from-containerd:${kind.split(" ").at(-1)}`;
      await ctr("images", "push", "--plain-http", target, name);
      expect((await pulled(target)).descriptor).toMatchObject(descriptor);
      await ctr("images", "rm", "--sync", name);
    });
  }

  itWith(TOOLS, "pulls with a password what we pushed with it", async () => {
    const { ctr } = await containerd();
    const { host } = await guarded();
    const name = `${host}/for-containerd:1`;
    const { descriptor } = await login.push(await sampleOf(), name);
    await ctr("images", "pull", "--plain-http", "--user", "user:secret", name);
    expect(await ctr("images", "ls", `name==${name}`)).toContain(descriptor.digest);
  });
});
