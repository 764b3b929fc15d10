import { Room } from '@gantry/pipeline';

/**
 * Where work waits. In one lane one thing follows the other; over all lanes no more run at once than there is room for.
 * What waits for its lane takes no room.
 */
export class Lanes {
  readonly #last = new Map<string, Promise<void>>();
  readonly #room: Room;

  /** @param room how much runs at once */
  constructor(room: number) {
    this.#room = new Room(room);
  }

  /** Runs the work when its turn comes. Rejects as it does; what follows in the lane runs all the same. */
  run(lane: string, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(lane) ?? Promise.resolve();
    const mine = before.then(() => this.#room.run(work));
    const over: Promise<void> = mine.catch(() => {}).then(() => this.#leave(lane, over));
    this.#last.set(lane, over);
    return mine;
  }

  #leave(lane: string, over: Promise<void>): void {
    if (this.#last.get(lane) === over) this.#last.delete(lane);
  }
}
