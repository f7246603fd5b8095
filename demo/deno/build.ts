// Builds an image of a folder and of files that are made here, and writes it as an archive that `docker load` takes. From the
// project's folder, with the narrowest permissions:
//
//   deno run --allow-read=demo/hello/app,out --allow-write=out demo/deno/build.ts
//
// Elsewhere `slipway` comes from the registry: `deno add npm:slipway` writes that line into your deno.json.
import { build, writeArchive } from "slipway";
import { createMemoryContentStore } from "slipway/content";
import { addDirectory, createCompressPool, writeFileAtomically } from "slipway/deno";

const NAME = "hello-deno:latest";
const ARCHIVE = "out/hello-deno.tar";

/** A page for every day of the week: what a program knows and no folder holds. */
const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const pages = Object.fromEntries(
  days.map((day) => [
    `/app/days/${day.toLowerCase()}.html`,
    `<!doctype html>\n<title>${day}</title>\n<h1>${day}</h1>\n`,
  ]),
);

// Threads to compress in, where Deno may read their program (--allow-read of the package); otherwise this one does it.
await using compressPool = createCompressPool();

const image = await build({
  compressPool,
  content: createMemoryContentStore(),
  files: {
    ...pages,
    "/bin/serve": { content: '#!/bin/sh\nexec busybox httpd -f -p "$PORT" -h /app\n', mode: 0o755 },
  },
  // Files stay where they are until a layer is made of them.
  fill: (work, options) => addDirectory(work, "demo/hello/app", { ...options, dest: "/app", xattrs: false }),
  config: {
    entrypoint: ["/bin/serve"],
    workingDir: "/app",
    env: { PORT: "8080" },
    exposedPorts: ["8080/tcp"],
    labels: { "org.opencontainers.image.title": "hello" },
  },
  platform: "linux/amd64",
});

await Deno.mkdir("out", { recursive: true });
const size = await writeFileAtomically(ARCHIVE, writeArchive(image, { names: [NAME] }));

console.log(image.digest);
console.log(`${ARCHIVE}, ${size} bytes: docker load -i ${ARCHIVE}`);
