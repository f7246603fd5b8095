// Images for measurements: the same bytes in each run, of layers that compress well or not at all.
import { createCipheriv, createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { writeBlob } from "slipway/content";
import { openDirectoryStore } from "slipway/node";
import { OCI_TYPES, serialiseImageConfig, serialiseManifest } from "slipway/oci";
import { writeTar } from "slipway/tar";

const BLOCK = 1_000_000;
const WORDS = Array.from({ length: 64 }, (_, i) =>
  createHash("sha256")
    .update(String(i))
    .digest("hex")
    .slice(0, 2 + (i % 9)),
);

/**
 * Bytes that no compression makes smaller.
 * @param {number} size in bytes
 * @param {number} seed
 */
function* noise(size, seed) {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  const zeros = Buffer.alloc(BLOCK);
  for (let rest = size; rest > 0; rest -= BLOCK) yield cipher.update(zeros.subarray(0, Math.min(rest, BLOCK)));
}

/**
 * Lines of words.
 * @param {number} size in bytes
 * @param {number} seed
 */
function* text(size, seed) {
  let rest = size;
  for (const block of noise(size, seed)) {
    let line = "";
    for (let i = 0; line.length < BLOCK; i++) line += WORDS[(block[i % BLOCK] ?? 0) & 63] + (i % 12 === 0 ? "\n" : " ");
    const bytes = Buffer.from(line, "latin1").subarray(0, Math.min(rest, BLOCK));
    rest -= bytes.byteLength;
    yield bytes;
  }
}

/** @typedef {{ readonly kind: "noise" | "text", readonly size: number, readonly seed: number }} LayerSpec */

/**
 * Writes an image into a layout directory.
 * @param {string} directory
 * @param {string} name
 * @param {readonly LayerSpec[]} specs
 * @returns {Promise<{ digest: string, bytes: number }>} of the manifest, and the bytes of all blobs
 */
export async function makeLayout(directory, name, specs) {
  const { content, images, close } = await openDirectoryStore(directory);
  const layers = [];
  const diffIDs = [];
  for (const [i, { kind, size, seed }] of specs.entries()) {
    const header = { name: `layer${i}.bin`, type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime: 0 };
    const hash = createHash("sha256");
    const tar = writeTar([{ header, content: kind === "noise" ? noise(size, seed) : text(size, seed) }]);
    const gzip = createGzip({ level: kind === "noise" ? 0 : 6 });
    pipeline(
      Readable.from(
        (async function* () {
          for await (const chunk of tar) {
            hash.update(chunk);
            yield chunk;
          }
        })(),
      ),
      gzip,
      () => undefined,
    );
    const info = await writeBlob(content, gzip);
    layers.push({ mediaType: OCI_TYPES.layerGzip, digest: info.digest, size: info.size });
    diffIDs.push(`sha256:${hash.digest("hex")}`);
  }
  const config = await writeBlob(
    content,
    serialiseImageConfig({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: diffIDs },
    }),
  );
  const manifest = await writeBlob(
    content,
    serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: { mediaType: OCI_TYPES.config, digest: config.digest, size: config.size },
      layers,
    }),
  );
  await images.create({
    name,
    target: { mediaType: OCI_TYPES.manifest, digest: manifest.digest, size: manifest.size },
  });
  await close();
  const bytes = layers.reduce((sum, { size }) => sum + size, config.size + manifest.size);
  return { digest: manifest.digest, bytes };
}
