import { join } from "node:path";
import { type IndexedImage, indexedImages, selectImage } from "../archive/index.ts";
import { isSlipwayError } from "../index.ts";
import { type DirectoryStore, readDocument } from "../node/index.ts";
import { isDigest, parseIndex } from "../oci/index.ts";
import { type ImageSource, storeSource } from "../transfer/index.ts";

/** The images of a layout directory, also those without a name, which no image store lists. Nothing else is read. */
export async function layoutImages(directory: string): Promise<readonly IndexedImage[]> {
  const file = join(directory, "index.json");
  return indexedImages(parseIndex(await readDocument(file), file));
}

/** An image of a layout directory; the only one, if it is not said which. Digests also name what `index.json` does not. */
export function layoutSource(store: DirectoryStore, wanted: string | undefined, description: string): ImageSource {
  return {
    description,
    async resolve(operation) {
      try {
        const { descriptor, names } = selectImage(await layoutImages(store.path), wanted);
        return { descriptor, content: store.content, names };
      } catch (error) {
        if (wanted === undefined || !isDigest(wanted) || !isSlipwayError(error, "NOT_FOUND")) throw error;
        return await storeSource(store, wanted, { description }).resolve(operation);
      }
    },
  };
}
