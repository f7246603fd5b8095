export type { RecordedLayer } from "./blob-records.ts";
export type { BaseImage, HealthcheckOptions, HistoryOptions, ImageConfigOptions } from "./config.ts";
export { createExporter } from "./create-exporter.ts";
export type {
  ExportedImage,
  ExportedLayer,
  ExportedManifest,
  Exporter,
  ExporterInstance,
  ExporterOptions,
  ExporterStores,
  ExportOptions,
  ExportSource,
  PlatformSource,
} from "./exporter.ts";
export type { FlightControl, SharedOperation } from "./flight-control.ts";
export { createFlightControl } from "./flight-control.ts";
export type { MadeLayer } from "./layer-making.ts";
export { DEFAULT_PATH } from "./runtime-config.ts";
