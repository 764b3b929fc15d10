/** Whether an answer of this status may be another one at the next attempt. */
export function isPassing(status: number): boolean {
  return [408, 429, 500, 502, 503, 504].includes(status);
}
