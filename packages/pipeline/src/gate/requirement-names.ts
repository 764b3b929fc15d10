import type { GateConfiguration } from './configuration.ts';
import { nameInScenario } from './results.ts';

/** What a gate asks for that could not be asked: any gate may. */
export const EVALUATED = 'evaluated';

/**
 * The names of all that a gate may ask for, for those who waive one of them.
 * @returns undefined for a gate whose names show only when it is asked, as the ids of vulnerabilities
 */
export function requirementNames(configuration: GateConfiguration): readonly string[] | undefined {
  const own = ownNames(configuration);
  return own === undefined ? undefined : [...new Set([...own, EVALUATED])];
}

function ownNames(configuration: GateConfiguration): readonly string[] | undefined {
  if ('results' in configuration) {
    const { testcases, scenarios } = configuration.results;
    if (scenarios === undefined) return testcases;
    return testcases.flatMap((testcase) => scenarios.map((scenario) => nameInScenario(testcase, scenario)));
  }
  if ('match' in configuration) {
    const { labels = {}, annotations = {} } = configuration.match;
    return [
      ...Object.keys(labels).map((name) => `label ${name}`),
      ...Object.keys(annotations).map((name) => `annotation ${name}`),
    ];
  }
  if ('referrers' in configuration) return configuration.referrers.artifactTypes;
  if ('vulnerabilities' in configuration) return undefined;
  if ('http' in configuration) return ['policy'];
  if ('age' in configuration) return ['age'];
  return 'approvals' in configuration ? ['approvals'] : ['signature'];
}
