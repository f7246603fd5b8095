import { normalisePlatform, type Platform } from "./platform.ts";
import { windowsRuns } from "./windows-version.ts";

/** How exactly a platform must be met. */
export interface MatchOptions {
  /** Take only the platform itself, not older variants and 32-bit ones that it can run as well (containerd's `OnlyStrict`). */
  readonly strict?: boolean | undefined;
}

/**
 * How well an image's platform suits the wanted one, as containerd's `platforms.Only` has it: `arm/v7` runs v7, then v6, then v5;
 * `arm64` also 32-bit arm; `amd64/v3` also v2, v1 and 386. Both are normalised first.
 * @returns 0 for the platform itself, more for what suits less, undefined if it does not suit
 */
export function matchPlatform(wanted: Platform, candidate: Platform, options: MatchOptions = {}): number | undefined {
  const target = normalisePlatform(wanted);
  const image = normalisePlatform(candidate);
  if (target.os !== image.os || !versionSuits(target, image) || !hasFeatures(target, image)) return undefined;
  const suitable = options.strict === true ? [nameOf(target)] : runnable(target);
  const rank = suitable.indexOf(nameOf(image));
  return rank < 0 ? undefined : rank;
}

/**
 * The one of several whose platform suits best. Among equals the one with more of the wanted features of the operating system, then
 * the first. What has no platform is never chosen.
 * @example selectPlatform(index.manifests, { os: "linux", architecture: "arm64" })
 */
export function selectPlatform<T extends { readonly platform?: Platform | undefined }>(
  candidates: Iterable<T>,
  wanted: Platform,
  options: MatchOptions = {},
): T | undefined {
  let best: { readonly candidate: T; readonly rank: number; readonly features: number } | undefined;
  for (const candidate of candidates) {
    if (candidate.platform === undefined) continue;
    const rank = matchPlatform(wanted, candidate.platform, options);
    if (rank === undefined) continue;
    const features = candidate.platform["os.features"]?.length ?? 0;
    if (best === undefined || rank < best.rank || (rank === best.rank && features > best.features)) {
      best = { candidate, rank, features };
    }
  }
  return best?.candidate;
}

const nameOf = ({ architecture, variant }: Platform): string => normalName(architecture, variant ?? "");

function normalName(architecture: string, variant: string): string {
  const normal = normalisePlatform({ os: "", architecture, variant });
  return `${normal.architecture}/${normal.variant ?? ""}`;
}

/** The names of what runs on a platform, best first. */
function runnable({ architecture, variant = "" }: Platform): readonly string[] {
  switch (architecture) {
    case "amd64":
      return [...versionsDown("amd64", variant, 1), "386/"];
    case "arm":
      return versionsDown("arm", variant, 5);
    case "arm64":
      return runnableOnArm64(variant === "" ? "v8" : variant);
    default:
      return [normalName(architecture, variant)];
  }
}

/** `v7` (or `7`) down to `v5`, say; a variant that is no version stands for itself. */
function versionsDown(architecture: string, variant: string, lowest: number): readonly string[] {
  const names = [normalName(architecture, variant)];
  const version = Number(/^v?(\d{1,2})$/.exec(variant)?.[1] ?? 0);
  for (let older = version - 1; older >= lowest; older--) names.push(normalName(architecture, `v${older}`));
  return names;
}

/** v9.N has all that v8.(N+5) has; v8.9 and v9.7 are the last. What is neither stands for itself. */
function runnableOnArm64(variant: string): readonly string[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant);
  const major = Number(match?.[1]);
  const minor = Number(match?.[2] ?? 0);
  if (match === null || (major === 9 && minor > 7)) return [normalName("arm64", variant)];
  const minorsDown = (of: number, from: number): string[] =>
    Array.from({ length: from + 1 }, (_, down) => normalName("arm64", `v${of}.${from - down}`));
  return [
    ...(major === 9 ? minorsDown(9, minor) : []),
    ...minorsDown(8, major === 9 ? Math.min(minor + 5, 9) : minor),
    ...versionsDown("arm", "v8", 5),
  ];
}

function versionSuits(target: Platform, image: Platform): boolean {
  return target.os !== "windows" || windowsRuns(target["os.version"] ?? "", image["os.version"] ?? "");
}

/** Whether the target has every feature that the image needs. Every Windows has win32k. */
function hasFeatures(target: Platform, image: Platform): boolean {
  const needed = image["os.features"] ?? [];
  const there = target["os.features"] ?? [];
  return needed.every((feature) => there.includes(feature) || (target.os === "windows" && feature === "win32k"));
}
