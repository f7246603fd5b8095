/**
 * Images from one place to another: registries, layouts, archives and stores behind one pair of contracts.
 *
 * @module
 */

export type { ImageSource, ImageTarget, SourceImage, TransferOptions, TransferredImage } from "./transfer.ts";
