import {
  type ArchiveFormat,
  type ContentStore,
  type OperationOptions,
  toBlob,
  type WriteArchiveOptions,
  writeArchive,
} from "slipway";
import { familiarName, parseReference } from "slipway/oci";
import type { StoredImage } from "./images.ts";
import { type PickingWindow, unlessCancelled } from "./pickers.ts";

/** What a download is told. */
export interface DownloadHooks extends OperationOptions {
  readonly onWarning: (message: string) => void;
}

/** `demo-hello.tar` for `demo/hello:1`. */
export function archiveName({ names: [name], descriptor }: StoredImage): string {
  if (name === undefined) return `${descriptor.digest.slice(7, 19)}.tar`;
  const { path } = parseReference(name);
  return `${path.replace(/^library\//, "").replaceAll("/", "-")}.tar`;
}

/**
 * Writes an image's archive to where the user wants it: straight into a file where the browser can do that, otherwise as a
 * download.
 * @returns the file's name, or nothing if the user changed their mind
 */
export async function downloadArchive(
  content: ContentStore,
  image: StoredImage,
  format: ArchiveFormat,
  hooks: DownloadHooks,
): Promise<string | undefined> {
  const name = archiveName(image);
  const source = { content, descriptor: image.descriptor, names: image.fullNames };
  const options: WriteArchiveOptions = { ...hooks, format };
  const picker = (window as PickingWindow).showSaveFilePicker;
  if (picker === undefined) {
    offer(await toBlob(writeArchive(source, options), { type: "application/x-tar" }), name);
    return name;
  }
  // First of all: the browser asks only right after a click.
  const file = await unlessCancelled(
    picker.call(window, {
      suggestedName: name,
      types: [{ description: "Image archive", accept: { "application/x-tar": [".tar"] } }],
    }),
  );
  if (file === undefined) return undefined;
  await writeFile(file, writeArchive(source, options));
  return file.name;
}

/** All or nothing: a file that could not be written whole stays what it was. */
async function writeFile(file: FileSystemFileHandle, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const writable = await file.createWritable();
  try {
    for await (const chunk of chunks) await writable.write(new Uint8Array(chunk));
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => undefined);
    throw error;
  }
}

function offer(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken what it needs from the address by the time it has begun to save.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** What to type to have the image in Docker and run it. */
export function dockerCommands(file: string, { names: [name] }: StoredImage): readonly string[] {
  const load = `docker load -i ${file}`;
  return name === undefined ? [load] : [load, `docker run --rm ${familiarName(parseReference(name))}`];
}
