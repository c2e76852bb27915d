/* replay.c FILE... - a corpus through its target, without a fuzzer. */
#include "tests/fuzz/fuzz.h"

static void run(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(1 << 20);
    size_t size;

    if (!f || !data) {
        perror(path);
        exit(1);
    }
    size = fread(data, 1, 1 << 20, f);
    fclose(f);
    fprintf(stderr, "%s\n", path);      /* the last one named is the one that ended it */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    printf("%d passed, 0 failed\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
