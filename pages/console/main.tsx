import '../shared/api.ts';
