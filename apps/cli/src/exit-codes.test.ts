import { Fault, type FaultCode, FAULTS, problemType, toProblem } from '@gantry/oci';
import type { PromotionAnswer, TaskAnswer } from './answers.ts';
import { plan, promotion, task } from './api-server.fixture.ts';
import { exitOfError, exitOfPlan, exitOfPromotion, exitOfTask, faultCodeOf } from './exit-codes.ts';

const problemOf = (code: FaultCode) => toProblem(new Fault(code, 'why'));
const failedBy = (...codes: FaultCode[]) => codes.map((code) => ({ item: 'a:1', problem: problemOf(code) }));

describe('exit codes', () => {
  test('every fault ends with the code that the table has for it, and is known by its problem type', () => {
    for (const code of Object.keys(FAULTS) as FaultCode[]) {
      expect(exitOfError(new Fault(code, 'why'))).toBe(FAULTS[code].exit);
      expect(faultCodeOf({ type: problemType(code) })).toBe(code);
    }
    expect(faultCodeOf({ type: 'about:blank' })).toBeUndefined();
    expect(exitOfError(new Error('why'))).toBe(70);
  });

  test.each<[Partial<TaskAnswer>, number]>([
    [{ state: 'done' }, 0],
    [{ state: 'partial', errors: failedBy('SOURCE_UNREACHABLE') }, 1],
    [{ state: 'cancelled' }, 1],
    [{ state: 'failed' }, 1],
    [{ state: 'failed', errors: failedBy('SOURCE_REFUSED') }, 1],
    [{ state: 'failed', errors: failedBy('SOURCE_UNREACHABLE', 'SOURCE_REFUSED') }, 1],
    [{ state: 'failed', errors: failedBy('SOURCE_UNREACHABLE', 'STORAGE_FULL') }, 75],
  ])('a task that is %j ends with %d', (changes, exit) => {
    expect(exitOfTask(task(changes))).toBe(exit);
  });

  test.each<[Partial<PromotionAnswer>, number]>([
    [{ state: 'done' }, 0],
    [{ state: 'partial' }, 1],
    [{ state: 'cancelled' }, 1],
    [{ state: 'refused' }, 3],
    [{ state: 'failed' }, 1],
    [{ state: 'failed', error: problemOf('STORAGE_FULL') }, 75],
    [{ state: 'failed', error: problemOf('TREE_INVALID') }, 1],
  ])('a promotion that is %j ends with %d', (changes, exit) => {
    expect(exitOfPromotion(promotion(changes))).toBe(exit);
  });

  test.each([
    [{ adds: 1 }, true, 0],
    [{}, false, 0],
    [{ adds: 1, refusals: 1 }, false, 1],
    [{ noops: 1, refusals: 1 }, false, 1],
    [{ adds: 1, refusals: 1 }, true, 3],
    [{ refusals: 1 }, false, 3],
  ])('a plan of %j, atomic: %s, ends with %d as the promotion would', (totals, atomic, exit) => {
    expect(exitOfPlan(plan({ atomic, totals: { ...plan().totals, ...totals } }))).toBe(exit);
  });
});
