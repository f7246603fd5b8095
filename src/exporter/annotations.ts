import { SlipwayError } from "../errors.ts";
import { formatPlatform, normalisePlatform, type Platform, parsePlatform } from "../oci/platform.ts";

const TARGETS = ["manifest", "manifest-descriptor", "index", "index-descriptor"] as const;

/** Which part of an image an annotation is for. */
export type AnnotationTarget = (typeof TARGETS)[number];

/** An option of BuildKit's annotation grammar, taken apart. */
export interface AnnotationKey {
  readonly target: AnnotationTarget;
  /** The one platform that it is for; absent: all. Never with an index. */
  readonly platform?: Platform;
  /** The annotation's own key, for example `org.opencontainers.image.title`. */
  readonly key: string;
}

/** An annotation and where it goes. */
export interface Annotation extends AnnotationKey {
  readonly value: string;
}

const GRAMMAR = /^annotation(?:-([a-z-]+))?(?:\[([A-Za-z0-9_/-]+)\])?\.(\S+)$/;

/** Whether an option is meant as an annotation, well formed or not. */
export function isAnnotationOption(option: string): boolean {
  return /^annotation(?![A-Za-z0-9])/.test(option);
}

/**
 * Reads `annotation.KEY`, `annotation-TARGET.KEY` and `annotation-TARGET[PLATFORM].KEY`. Without a target the manifest is meant.
 * @throws SlipwayError `INVALID_OPTION` if it is none of these, names another target, or an index for one platform
 */
export function parseAnnotationKey(option: string): AnnotationKey {
  const [, target = "manifest", selector, key] = GRAMMAR.exec(option) ?? [];
  if (key === undefined) {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use option ${JSON.stringify(option)}: write annotation.KEY, annotation-TARGET.KEY or annotation-TARGET[os/arch].KEY`,
    );
  }
  const known = TARGETS.find((candidate) => candidate === target);
  if (known === undefined) {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use option ${JSON.stringify(option)}: ${target} cannot be annotated, only ${TARGETS.join(", ")}`,
    );
  }
  if (selector === undefined) return { target: known, key };
  if (known === "index" || known === "index-descriptor") {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use option ${JSON.stringify(option)}: an index stands for all platforms; leave out [${selector}]`,
    );
  }
  return { target: known, platform: parseSelector(option, selector), key };
}

function parseSelector(option: string, selector: string): Platform {
  try {
    return parsePlatform(selector);
  } catch (cause) {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use option ${JSON.stringify(option)}: ${selector} is no platform of the form os/architecture[/variant]`,
      { cause },
    );
  }
}

/** What the annotations of an export are checked against. */
export interface AnnotatedImage {
  readonly platforms: readonly Platform[];
  /** Whether there will be an index. */
  readonly index: boolean;
  readonly ociMediatypes: boolean;
}

/**
 * Refuses annotations that have nowhere to go.
 * @throws SlipwayError `INVALID_OPTION` for a platform that is not exported, for an index that there is not, and for what Docker's
 *   media types have no place for
 */
export function checkAnnotations(annotations: readonly Annotation[], image: AnnotatedImage): void {
  const platforms = image.platforms.map(platformName);
  for (const { target, platform, key } of annotations) {
    if (platform !== undefined && !platforms.includes(platformName(platform))) {
      throw new SlipwayError(
        "INVALID_OPTION",
        `Cannot annotate ${target} of ${formatPlatform(platform)} with ${key}: the image has only ${platforms.join(", ")}`,
      );
    }
    if (!image.ociMediatypes && target !== "manifest") {
      throw new SlipwayError(
        "INVALID_OPTION",
        `Cannot annotate ${target} with ${key}: oci-mediatypes=false leaves no place for it`,
      );
    }
    if (!image.index && (target === "index" || target === "index-descriptor")) {
      throw new SlipwayError(
        "INVALID_OPTION",
        `Cannot annotate ${target} with ${key}: an image of a single platform has no index`,
      );
    }
  }
}

/**
 * The annotations of one part; those for the platform override those for all.
 * @returns undefined if there are none
 */
export function annotationsFor(
  annotations: readonly Annotation[],
  target: AnnotationTarget,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const wanted = platform && platformName(platform);
  const found = new Map<string, string>();
  for (const annotation of annotations) {
    if (annotation.target === target && annotation.platform === undefined) found.set(annotation.key, annotation.value);
  }
  for (const annotation of annotations) {
    if (annotation.target !== target || annotation.platform === undefined) continue;
    if (platformName(annotation.platform) === wanted) found.set(annotation.key, annotation.value);
  }
  if (found.size === 0) return undefined;
  return Object.fromEntries(found);
}

/** A platform's one name, however it is written. */
const platformName = (platform: Platform): string => formatPlatform(normalisePlatform(platform));
