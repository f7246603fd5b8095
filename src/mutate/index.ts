/**
 * Images made of images: config and annotations changed, layers appended, rebased onto a newer base.
 *
 * @module
 */

export {};
