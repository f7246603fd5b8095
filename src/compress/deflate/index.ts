export { type BlockDeflater, createBlockDeflater } from "./deflater.ts";
export type { DeflateLevel } from "./presets.ts";
