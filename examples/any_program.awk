# Logistic regression by stochastic gradient descent, in awk: any program can be tuned.
#
#     awk -f any_program.awk -- --epochs 30 --rate 0.1 --decay 0.001 --momentum 0.9
#
# Two classes of points on noisy rings; the features are x, y, x * y and x * x + y * y.  After each
# epoch it prints the loss on the validation points.

function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }

function probability(i,    j, sum) {
    sum = weight[0]
    for (j = 1; j <= 4; j++) sum += weight[j] * feature[i, j]
    if (sum > 30) sum = 30
    if (sum < -30) sum = -30
    return 1 / (1 + exp(-sum))
}

function validation_loss(    i, p, loss) {
    for (i = n_train; i < n; i++) {
        p = probability(i)
        loss -= log(label[i] ? p : 1 - p)
    }
    return loss / (n - n_train)
}

BEGIN {
    for (i = 1; i < ARGC; i += 2) {
        name = ARGV[i]
        sub(/^--?/, "", name)
        given[name] = ARGV[i + 1]
    }
    srand(1)
    n = 300
    n_train = 200
    for (i = 0; i < n; i++) {
        label[i] = i % 2
        radius = 1 + label[i] + 0.4 * normal()
        angle = 6.283185307179586 * rand()
        x = radius * cos(angle)
        y = radius * sin(angle)
        feature[i, 1] = x
        feature[i, 2] = y
        feature[i, 3] = x * y
        feature[i, 4] = x * x + y * y
    }
    for (epoch = 1; epoch <= given["epochs"]; epoch++) {
        for (i = 0; i < n_train; i++) {
            error = probability(i) - label[i]
            for (j = 0; j <= 4; j++) {
                gradient = error * (j ? feature[i, j] : 1) + given["decay"] * weight[j]
                velocity[j] = given["momentum"] * velocity[j] - given["rate"] * gradient
                weight[j] += velocity[j]
            }
        }
        printf "epoch %d loss=%.6f\n", epoch, validation_loss()
        fflush()
    }
    if (ENVIRON["SM_MODEL_DIR"] != "") {
        for (j = 0; j <= 4; j++) print weight[j] > (ENVIRON["SM_MODEL_DIR"] "/weights.txt")
    }
}
