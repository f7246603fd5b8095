import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import {
  type ArchivedImage,
  type ArchiveFormat,
  copyImage,
  flattenImage,
  listImages,
  readArchive,
  resolveImage,
  verifyImage,
  writeArchive,
} from "../../src/archive/index.ts";
import { toReadableStream } from "../../src/bytes.ts";
import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import { fileSource, nodeHasher, openDirectoryStore } from "../../src/node/index.ts";
import { writeRootfs } from "../../src/node/write-rootfs.ts";
import { type SampleImage, sampleImage } from "../support/sample-image.ts";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";
import { type Containerd, startContainerd } from "./support/containerd.ts";
import { DEBIAN_DOCKER, DOCKER_TOOLS, type Docker, startDocker } from "./support/docker.ts";
import { openPodman, PODMAN_TOOLS, type Podman } from "./support/podman.ts";
import { run } from "./support/run.ts";
import { listTree } from "./support/tree-listing.ts";

const BUSYBOX = "/bin/busybox";
const GREETING = "hello from a small image\n";
const NAME = "hello:1";
const FULL_NAME = "docker.io/library/hello:1";

const sample = async (): Promise<SampleImage> =>
  sampleImage(createMemoryContentStore({ hasher: nodeHasher }), {
    names: [NAME],
    config: { Entrypoint: ["/bin/sh", "-c"], Cmd: ["cat /srv/greeting && ls /srv"], Env: ["PATH=/bin"] },
    layers: [
      {
        bin: { type: "directory", mtime: 1_700_000_000 },
        "bin/busybox": { content: readFileSync(BUSYBOX), mode: 0o4755, mtime: 1_600_000_000 },
        "bin/cat": { type: "link", linkName: "bin/busybox", mode: 0o4755, mtime: 1_600_000_000 },
        "bin/ls": { type: "symlink", linkName: "busybox", mode: 0o777 },
        "bin/sh": { type: "symlink", linkName: "/bin/busybox", mode: 0o777 },
        srv: { type: "directory", mode: 0o750 },
        "srv/gone": "to be removed\n",
        "srv/greeting": "not this one\n",
      },
      {
        häuser: { type: "directory" },
        "häuser/fifo": { type: "fifo", mode: 0o600 },
        srv: { type: "directory", mode: 0o755, uid: 7, gid: 8 },
        "srv/.wh.gone": { mode: 0 },
        "srv/greeting": { content: GREETING, mode: 0o640, uid: 1, gid: 2, mtime: -5 },
      },
      // Twice the same layer, which Docker saves as a link.
      { same: "same\n" },
      { same: "same\n" },
    ],
  });

const FORMATS: readonly ArchiveFormat[] = ["both", "oci", "docker"];
const written = new Map<ArchiveFormat, Promise<string>>();
const files = temporaryRoot();

/** The sample as an archive on disk. */
function archive(format: ArchiveFormat): Promise<string> {
  let file = written.get(format);
  if (file === undefined) {
    file = (async () => {
      const path = join(files, `${format}.tar`);
      const chunks: Uint8Array[] = [];
      for await (const chunk of writeArchive(await sample(), { format })) chunks.push(chunk);
      writeFileSync(path, Buffer.concat(chunks));
      return path;
    })();
    written.set(format, file);
  }
  return file;
}

/** What one of the clients wrote, read back. */
async function readBack(file: string): Promise<{ content: ContentStore; images: readonly ArchivedImage[] }> {
  const content = createMemoryContentStore({ hasher: nodeHasher });
  const source = toReadableStream((await fileSource(file)).open());
  return { content, images: await readArchive(source, content) };
}

/** The image in what a client wrote: same config or, where the client makes one of its own, same layers. */
async function expectSample(file: string, { sameConfig = true, name = FULL_NAME } = {}): Promise<void> {
  const image = await sample();
  const { images } = await readBack(file);
  const { manifest } = resolveImage(images);
  expect(images.map(({ names }) => names)).toEqual([[name]]);
  expect(manifest.diffIDs).toEqual(image.diffIDs);
  if (sameConfig) expect(manifest.config.digest).toBe(image.config.digest);
}

const daemons: { docker?: Promise<Docker>; podman?: Promise<Podman>; containerd?: Promise<Containerd> } = {};
const docker = (): Promise<Docker> => (daemons.docker ??= startDocker(join(temporaryRoot(), "d")));
const podman = (): Promise<Podman> => (daemons.podman ??= openPodman(join(temporaryRoot(), "p")));
const containerd = (): Promise<Containerd> => (daemons.containerd ??= startContainerd());
afterAll(async () => {
  for (const daemon of [daemons.docker, daemons.podman, daemons.containerd]) await (await daemon)?.stop();
});

const BUSYBOX_TOOLS = ["root", "busybox"];
const OUTPUT = `${GREETING}greeting\n`;

describe("docker", () => {
  const TOOLS = [...BUSYBOX_TOOLS, ...DOCKER_TOOLS];

  for (const format of ["both", "docker"] as const) {
    itWith(TOOLS, `loads and runs an archive of format ${format}`, async () => {
      const image = await sample();
      const { docker: client } = await docker();
      const { stdout } = await client(["load", "-i", await archive(format)]);
      expect(stdout).toContain(`Loaded image: ${NAME}`);
      const id = await client(["image", "inspect", "--format", "{{.Id}} {{json .RootFS.Layers}}", NAME]);
      expect(id.stdout.trim()).toBe(`${image.config.digest} ${JSON.stringify(image.diffIDs)}`);
      const output = await client(["run", "--rm", "--network", "none", NAME]);
      expect(output.stdout).toBe(OUTPUT);
      await client(["image", "rm", NAME]);
    });
  }

  itWith(TOOLS, "saves what is read back as the same image", async () => {
    const { docker: client } = await docker();
    await client(["load", "-i", await archive("both")]);
    const file = join(temporaryDirectory(), "saved.tar");
    await client(["save", "-o", file, NAME]);
    const { stdout } = await run("tar", ["-tvf", file]);
    if (!stdout.includes("blobs/")) expect(stdout, "a layer that is there twice").toMatch(/layer\.tar -> \.\.\//);
    await expectSample(file);
  });

  itWith([...TOOLS, DEBIAN_DOCKER], "builds with BuildKit what is read back as the same image", async () => {
    const { docker: client } = await docker();
    const directory = temporaryDirectory();
    const context = join(directory, "context");
    mkdirSync(context);
    writeFileSync(join(context, "a"), "a\n");
    const dockerfile = "FROM scratch\nCOPY a /x\nCOPY a /y\nENV A=b\nLABEL l=<&>\n";
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    await client(["build", "-t", "built:1", context], { client: DEBIAN_DOCKER, env: { DOCKER_BUILDKIT: "1" } });
    const { stdout } = await client(["image", "inspect", "--format", "{{.Id}} {{json .RootFS.Layers}}", "built:1"]);
    const file = join(directory, "built.tar");
    await client(["save", "-o", file, "built:1"]);
    const { content, images } = await readBack(file);
    const { manifest } = resolveImage(images, { name: "built:1" });
    expect(`${manifest.config.digest} ${JSON.stringify(manifest.diffIDs)}`).toBe(stdout.trim());
    expect([...(await flattenImage(content, manifest.descriptor)).root.entries.keys()]).toEqual(["x", "y"]);
  });
});

describe("podman", () => {
  const TOOLS = [...BUSYBOX_TOOLS, ...PODMAN_TOOLS];

  for (const format of FORMATS) {
    itWith(TOOLS, `loads and runs an archive of format ${format}`, async () => {
      const { podman: client, load, runImage } = await podman();
      const loaded = await load(await archive(format));
      expect(loaded).toMatch(/\/hello:1$/);
      expect(await runImage(loaded)).toBe(OUTPUT);
      await client(["image", "rm", loaded]);
    });
  }

  for (const format of ["docker-archive", "oci-archive"]) {
    itWith(TOOLS, `saves a ${format} that is read back as the same image`, async () => {
      const { podman: client, load } = await podman();
      const name = await load(await archive("docker"));
      const file = join(temporaryDirectory(), "saved.tar");
      await client(["save", "--format", format, "-o", file, name]);
      await expectSample(file, { name, sameConfig: format === "docker-archive" });
    });
  }
});

describe("containerd", () => {
  const TOOLS = [...BUSYBOX_TOOLS, "containerd", "ctr"];

  for (const format of FORMATS) {
    itWith(TOOLS, `imports an archive of format ${format}`, async () => {
      const image = await sample();
      const { ctr } = await containerd();
      await ctr("images", "import", await archive(format));
      const listed = await ctr("images", "ls", `name==${FULL_NAME}`);
      expect(listed).toContain(FULL_NAME);
      if (format !== "docker") expect(listed).toContain(image.descriptor.digest);
      expect(await ctr("content", "get", image.config.digest)).toContain(image.diffIDs[0]);
      await ctr("images", "rm", FULL_NAME);
    });
  }

  itWith([...TOOLS, "runc"], "runs the image", async () => {
    const { ctr } = await containerd();
    await ctr("images", "import", await archive("both"));
    expect(await ctr("run", "--rm", FULL_NAME, "hello")).toBe(OUTPUT);
  });

  itWith(TOOLS, "exports, as BuildKit does, what is read back as the same image", async () => {
    const image = await sample();
    const { ctr } = await containerd();
    await ctr("images", "import", await archive("both"));
    const file = join(temporaryDirectory(), "exported.tar");
    await ctr("images", "export", file, FULL_NAME);
    await expectSample(file);
    const { images } = await readBack(file);
    expect(images[0]?.descriptor.digest).toBe(image.descriptor.digest);
  });
});

describe("skopeo", () => {
  const inspect = async (source: string): Promise<{ Layers: readonly string[]; Digest: string }> =>
    JSON.parse((await run("skopeo", ["inspect", source])).stdout);

  itWith(["skopeo", "busybox"], "sees the layers in every format", async () => {
    const image = await sample();
    const blobs = image.layers.map(({ digest }) => digest);
    for (const format of ["both", "oci"] as const) {
      const seen = await inspect(`oci-archive:${await archive(format)}`);
      expect(seen).toMatchObject({ Digest: image.descriptor.digest, Layers: blobs });
    }
    for (const format of ["both", "docker"] as const) {
      expect((await inspect(`docker-archive:${await archive(format)}`)).Layers).toEqual(image.diffIDs);
      const raw = await run("skopeo", ["inspect", "--config", `docker-archive:${await archive(format)}:${NAME}`]);
      expect(JSON.parse(raw.stdout)).toMatchObject({ rootfs: { diff_ids: image.diffIDs } });
    }
  });

  for (const to of ["docker-archive", "oci-archive"]) {
    itWith(["skopeo", "busybox"], `copies to a ${to} that is read back as the same image`, async () => {
      const file = join(temporaryDirectory(), "copied.tar");
      await run("skopeo", ["copy", `oci-archive:${await archive("both")}`, `${to}:${file}:${NAME}`]);
      await expectSample(file);
    });
  }

  itWith(["skopeo", "busybox", "tar", "gzip"], "copies to a layout, which is read from a compressed tar", async () => {
    const directory = temporaryDirectory();
    await run("skopeo", ["copy", `docker-archive:${await archive("docker")}`, `oci:${directory}/layout:${NAME}`]);
    await run("tar", ["-czf", `${directory}/layout.tgz`, "-C", `${directory}/layout`, "."]);
    await expectSample(`${directory}/layout.tgz`, { sameConfig: false });
  });
});

describe("tools for OCI layouts", () => {
  /** The sample as a layout directory of ours. */
  const layout = async (): Promise<string> => {
    const image = await sample();
    const directory = join(temporaryDirectory(), "layout");
    const store = await openDirectoryStore(directory);
    await copyImage(image.content, store.content, image.descriptor);
    await store.images.create({ name: FULL_NAME, target: image.descriptor });
    await store.close();
    return directory;
  };

  itWith(["skopeo", "umoci", "oci-image-tool", "busybox"], "read a layout directory", async () => {
    const image = await sample();
    const directory = await layout();
    const { stdout } = await run("skopeo", ["inspect", `oci:${directory}:1`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: image.descriptor.digest });
    await run("oci-image-tool", ["validate", "--type", "image", "--ref", "name=1", directory]);
    expect((await run("umoci", ["ls", "--layout", directory])).stdout.trim()).toBe("1");
  });

  itWith(["skopeo", "umoci", "busybox"], "write into a layout directory that is read again", async () => {
    const image = await sample();
    const directory = await layout();
    const copied = join(temporaryDirectory(), "copied");
    await run("skopeo", ["copy", `oci:${directory}:1`, `oci:${copied}:example.com/copied:2`]);
    await run("umoci", ["tag", "--image", `${directory}:1`, "other"]);
    for (const [path, names] of [
      [copied, ["example.com/copied:2"]],
      [directory, [FULL_NAME]],
    ] as const) {
      const store = await openDirectoryStore(path, { create: false });
      const images = await listImages(store);
      const named = resolveImage(images, { name: names[0] });
      expect(named.manifest.diffIDs).toEqual(image.diffIDs);
      await verifyImage(store.content, named.image.descriptor, { diffIDs: true });
      await store.close();
    }
  });

  const unpacked = async (): Promise<string> => {
    const directory = temporaryDirectory();
    await run("tar", ["-xf", await archive("both"), "-C", directory]);
    return directory;
  };

  itWith(
    ["root", "umoci", "tar", "busybox", "mknod"],
    "umoci unpacks the files that a flattened image has",
    async () => {
      const image = await sample();
      const bundle = join(temporaryDirectory(), "bundle");
      await run("umoci", ["unpack", "--image", `${await unpacked()}:1`, bundle]);
      const ours = join(temporaryDirectory(), "rootfs");
      const warnings: string[] = [];
      await writeRootfs(await flattenImage(image.content, image.descriptor), image.content, ours, {
        unsafeSpecial: true,
        onWarning: ({ message }) => warnings.push(message),
      });
      expect(warnings).toEqual([]);
      expect(listTree(ours)).toEqual(listTree(join(bundle, "rootfs")));
    },
  );

  itWith(["oci-image-tool", "tar", "busybox"], "oci-image-tool finds nothing wrong", async () => {
    await run("oci-image-tool", ["validate", "--type", "image", "--ref", "name=1", await unpacked()]);
  });
});
